"""Rewrites of a graph that leave its values as they are: masks of ones, sums with zeros."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto


def leave_out_masks(graph: GraphProto, masks: Collection[str]) -> None:
    """Products with a mask that is all ones are their other factor; masks that were inputs are so no more."""
    _leave_out(graph, "Mul", masks)
    for value in [value for value in graph.input if value.name in masks]:
        graph.input.remove(value)


def leave_out_zeros(graph: GraphProto) -> None:
    """Sums with a tensor of zeros are their other summand."""
    _leave_out(graph, "Add", {node.output[0] for node in graph.node if _makes_zeros(node)})


def _makes_zeros(node: NodeProto) -> bool:
    from onnx import numpy_helper

    if node.op_type != "ConstantOfShape":
        return False
    return all(not numpy_helper.to_array(attribute.t).any() for attribute in node.attribute)


def _leave_out(graph: GraphProto, kind: str, neutral: Collection[str]) -> None:
    """Nodes of `kind` with one operand that is neutral are their other operand."""
    outputs = {value.name for value in graph.output}
    same = {}
    for node in list(graph.node):
        others = [name for name in node.input if name not in neutral]
        if node.op_type == kind and len(others) == 1 and node.output[0] not in outputs:
            same[node.output[0]] = others[0]
            graph.node.remove(node)
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
