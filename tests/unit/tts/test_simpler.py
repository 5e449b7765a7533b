from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from voicechat.tts.engines.piper.simpler import leave_out_masks, leave_out_zeros


def graph_of(*nodes: onnx.NodeProto, inputs: tuple[str, ...] = ("x", "mask")) -> onnx.ModelProto:
    constants: dict[str, np.ndarray[Any, Any]] = {
        "zero": np.zeros(1, np.float32),
        "one": np.ones(1, np.float32),
        "far": np.full(1, -1e4, np.float32),
        "axis": np.array([0], np.int64),
    }
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in inputs]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(list(nodes), "small", values, [output], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def run(model: onnx.ModelProto, **feeds: list[float]) -> list[float]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    given = {value.name: np.array(feeds[value.name], np.float32) for value in session.get_inputs()}
    made: list[float] = session.run(None, given)[0].reshape(-1).tolist()
    return made


def attention(constant: str) -> onnx.ModelProto:
    """What attention does to scores at masked places: those where the product of two masks is `constant`."""
    make = helper.make_node
    return graph_of(
        make("Unsqueeze", ["mask", "axis"], ["row"]),
        make("Mul", ["row", "row"], ["both"]),
        make("Equal", ["both", constant], ["hidden"]),
        make("Where", ["hidden", "far", "x"], ["seen"]),
        make("Add", ["seen", "one"], ["y"]),
    )


def test_products_with_ones_are_left_out() -> None:
    make = helper.make_node
    model = graph_of(make("Mul", ["x", "mask"], ["masked"]), make("Add", ["masked", "one"], ["y"]))
    leave_out_masks(model.graph, {"mask"})

    assert kinds(model) == ["Add"] and [value.name for value in model.graph.input] == ["x"]
    assert run(model, x=[1, 2]) == [2, 3]


def test_what_hides_nothing_is_left_out() -> None:
    model = attention("zero")
    expected = run(model, x=[1, 2], mask=[1, 1])
    leave_out_masks(model.graph, {"mask"})

    assert kinds(model) == ["Add"]
    assert run(model, x=[1, 2]) == expected


def test_a_choice_by_anything_else_stays() -> None:
    model = attention("one")
    leave_out_masks(model.graph, {"mask"})

    assert "Where" in kinds(model)


def test_sums_with_zeros_are_left_out() -> None:
    make = helper.make_node
    shape = make("Shape", ["x"], ["shape"])
    model = graph_of(
        shape,
        make("ConstantOfShape", ["shape"], ["nothing"]),
        make("Add", ["x", "nothing"], ["sum"]),
        make("Mul", ["sum", "far"], ["y"]),
        inputs=("x",),
    )
    leave_out_zeros(model.graph)

    assert kinds(model) == ["Mul"]
    assert run(model, x=[1, 2]) == pytest.approx([-1e4, -2e4])


def test_an_output_of_the_graph_stays() -> None:
    model = graph_of(helper.make_node("Mul", ["x", "mask"], ["y"]))
    before = kinds(model)
    leave_out_zeros(model.graph)

    assert kinds(model) == before
