"""The rewrite of relative attention on a small export: found, and equal to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from voicechat.tts.engines.piper.attention import narrow_attention

HEADS, CHANNELS, REACH = 2, 8, 4
"""Of the attention that is exported here."""

Array = npt.NDArray[np.float32]


def exported(*, vectors: int = 2 * REACH + 1) -> onnx.ModelProto:
    """Scores and sums of one layer, as PyTorch exports them for n ids: padded vectors, shifted rows."""
    rng = np.random.default_rng(1)
    ints = {
        "zero": 0,
        "one": 1,
        "two": 2,
        "minus": -1,
        "reach": REACH,
        "reach1": REACH + 1,
        "heads": HEADS,
        "far": 2**60,
    }
    constants = [numpy_helper.from_array(np.array([value], np.int64), name) for name, value in ints.items()]
    for name in ("emb_k", "emb_v"):
        constants.append(numpy_helper.from_array(rng.standard_normal((1, vectors, CHANNELS), np.float32), name))
    lines = """
        shape = Shape(ids); n = Slice(shape, one, two); length = Sub(n, reach1); twice = Mul(n, two)
        most = Sub(twice, one)
        less = Sub(n, one); more = Add(n, one); square = Mul(n, twice)
        pads = Concat(zero, length, zero, zero, length, zero)
        kp = Pad(emb_k, pads); ks = Slice(kp, zero, most, one); ku = Unsqueeze(ks, zero); kt = Transpose(ku)
        products = MatMul(queries, kt)
        lastpad = Concat(zero, zero, zero, zero, zero, zero, zero, one); k1 = Pad(products, lastpad)
        flatshape = Concat(one, heads, square); k2 = Reshape(k1, flatshape)
        endpad = Concat(zero, zero, zero, zero, zero, less); k3 = Pad(k2, endpad)
        gridshape = Concat(one, heads, more, most); k4 = Reshape(k3, gridshape)
        k5 = Slice(k4, zero, n, two); k6 = Slice(k5, less, far, three)
        scores = Add(k6, plain)
        frontpad = Concat(zero, zero, zero, zero, zero, zero, zero, less); v1 = Pad(weights, frontpad)
        wide = Mul(n, most); wideshape = Concat(one, heads, wide); v2 = Reshape(v1, wideshape)
        shift = Concat(zero, zero, n, zero, zero, zero); v3 = Pad(v2, shift)
        rowshape = Concat(one, heads, n, twice); v4 = Reshape(v3, rowshape); v5 = Slice(v4, one, far, three)
        vp = Pad(emb_v, pads); vs = Slice(vp, zero, most, one); vu = Unsqueeze(vs, zero)
        sums = MatMul(v5, vu)
    """
    constants.append(numpy_helper.from_array(np.array([3], np.int64), "three"))
    nodes: list[onnx.NodeProto] = []
    for line in filter(None, (part.strip() for part in lines.replace("\n", ";").split(";"))):
        name, call = line.split(" = ")
        kind, taken = call.rstrip(")").split("(")
        shaped: dict[str, dict[str, Any]] = {"Concat": {"axis": 0}, "Transpose": {"perm": [0, 1, 3, 2]}}
        nodes.append(helper.make_node(kind, taken.split(", "), [name], **shaped.get(kind, {})))
    square: list[str | int | None] = [1, HEADS, "n", "n"]
    inputs = [
        helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "n"]),
        helper.make_tensor_value_info("queries", TensorProto.FLOAT, [1, HEADS, "n", CHANNELS]),
        helper.make_tensor_value_info("plain", TensorProto.FLOAT, square),
        helper.make_tensor_value_info("weights", TensorProto.FLOAT, square),
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("scores", "sums")]
    graph = helper.make_graph(nodes, "attention", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


def computed(model: onnx.ModelProto, n: int) -> list[Array]:
    rng = np.random.default_rng(n)
    feeds = {
        "ids": np.zeros((1, n), np.int64),
        "queries": rng.standard_normal((1, HEADS, n, CHANNELS), np.float32),
        "plain": rng.standard_normal((1, HEADS, n, n), np.float32),
        "weights": rng.standard_normal((1, HEADS, n, n), np.float32),
    }
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    outputs: list[Array] = session.run(None, feeds)
    return outputs


@pytest.mark.parametrize("n", [5, 6, 9, 10, 40, 121])
def test_scores_and_sums_stay_what_they_were(n: int) -> None:
    model, narrowed = exported(), exported()

    assert narrow_attention(narrowed.graph, "ids") == 2
    for was, now in zip(computed(model, n), computed(narrowed, n), strict=True):
        np.testing.assert_allclose(now, was, rtol=1e-5, atol=1e-5)


def test_what_is_no_band_of_vectors_is_left_alone() -> None:
    model = exported(vectors=2 * REACH)
    before = model.SerializeToString()

    assert narrow_attention(model.graph, "ids") == 0
    assert model.SerializeToString() == before
