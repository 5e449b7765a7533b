"""Rewrites of a graph that leave its values as they are: masks of ones, sums with zeros, choices always made alike."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto


def leave_out_masks(graph: GraphProto, masks: Collection[str]) -> None:
    """What masks that are all ones do not change: products with them, and choices of what is masked.

    Masks that were inputs are so no more.
    """
    ones = _all_ones(graph, masks)
    _replace(graph, _products(graph, "Mul", masks) | _choices(graph, ones))
    for value in [value for value in graph.input if value.name in masks]:
        graph.input.remove(value)


def leave_out_zeros(graph: GraphProto) -> None:
    """Sums with a tensor of zeros are their other summand."""
    _replace(graph, _products(graph, "Add", {node.output[0] for node in graph.node if _makes_zeros(node)}))


def _makes_zeros(node: NodeProto) -> bool:
    from onnx import numpy_helper

    if node.op_type != "ConstantOfShape":
        return False
    return all(not numpy_helper.to_array(attribute.t).any() for attribute in node.attribute)


def _all_ones(graph: GraphProto, masks: Collection[str]) -> set[str]:
    """The masks, and what is made of nothing else by adding axes and multiplying."""
    ones = set(masks)
    for node in graph.node:
        made_of = node.input[:1] if node.op_type == "Unsqueeze" else node.input if node.op_type == "Mul" else ()
        if made_of and ones.issuperset(made_of):
            ones.update(node.output)
    return ones


def _choices(graph: GraphProto, ones: set[str]) -> dict[str, str]:
    """Choices by "is this 0?" of ones: the result, and what is always chosen."""
    zeros = {value.name for value in graph.initializer if _is_zero(value)}
    never = {
        node.output[0]
        for node in graph.node
        if node.op_type == "Equal" and not ones.isdisjoint(node.input) and not zeros.isdisjoint(node.input)
    }
    return {node.output[0]: node.input[2] for node in graph.node if node.op_type == "Where" and node.input[0] in never}


def _is_zero(value: TensorProto) -> bool:
    from onnx import numpy_helper

    return not numpy_helper.to_array(value).any()


def _products(graph: GraphProto, kind: str, neutral: Collection[str]) -> dict[str, str]:
    """Results of nodes of `kind` with one operand that is neutral, and the other operand."""
    same = {}
    for node in graph.node:
        others = [name for name in node.input if name not in neutral]
        if node.op_type == kind and len(others) == 1:
            same[node.output[0]] = others[0]
    return same


def _replace(graph: GraphProto, same: dict[str, str]) -> None:
    """Take one tensor for the other wherever it is used; outputs of the graph keep their names."""
    outputs = {value.name for value in graph.output}
    same = {name: other for name, other in same.items() if name not in outputs}
    for node in graph.node:
        node.input[:] = [_final(name, same) for name in node.input]
    drop_unused(graph)


def _final(name: str, same: dict[str, str]) -> str:
    while name in same:
        name = same[name]
    return name


def drop_unused(graph: GraphProto) -> None:
    """Take out nodes whose results nobody takes; they come in the order of computation, so one pass finds all."""
    wanted = {value.name for value in graph.output}
    for node in reversed(list(graph.node)):
        if wanted.isdisjoint(node.output):
            graph.node.remove(node)
        else:
            wanted.update(node.input)
