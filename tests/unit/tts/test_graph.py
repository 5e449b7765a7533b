from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from voicechat.tts.engine import EngineError
from voicechat.tts.engines.piper.graph import RHYTHM_NOISE, split


def tiny_vits(path: Path, *, ceilings: int = 1) -> Path:
    """The shape of a Piper export around its noises: durations, mean + noise * spread * scale, a masked decoder."""
    nodes = [
        helper.make_node("Identity", ["input"], ["like"]),
        helper.make_node("RandomNormalLike", ["like"], ["rhythm"]),
        helper.make_node("Mul", ["rhythm", "scales"], ["rhythm_scaled"]),
        *[helper.make_node("Ceil", ["rhythm_scaled"], [f"durations{at}"]) for at in range(ceilings)],
        helper.make_node("Add", ["durations0", "input"], ["mean"]),
        helper.make_node("Exp", ["input"], ["spread"]),
        helper.make_node("Cast", ["input"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("RandomNormalLike", ["mean"], ["noise"]),
        helper.make_node("Mul", ["noise", "spread"], ["spread_noise"]),
        helper.make_node("Mul", ["spread_noise", "scales"], ["scaled_noise"]),
        helper.make_node("Add", ["mean", "scaled_noise"], ["latent"]),
        helper.make_node("Mul", ["latent", "mask"], ["flowed"]),
        helper.make_node("Tanh", ["flowed"], ["output"]),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, None]) for name in ("input", "scales")]
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 2, None])
    model = helper.make_model(
        helper.make_graph(nodes, "tiny", values, [output]), opset_imports=[helper.make_opsetid("", 15)], ir_version=8
    )
    onnx.save(model, str(path))
    return path


def test_the_graph_is_cut_where_its_noise_is_drawn(tmp_path: Path) -> None:
    halves = split(tiny_vits(tmp_path / "voice.onnx"))

    assert (halves.durations, halves.mean, halves.spread, halves.latent) == ("durations0", "mean", "spread", "latent")
    assert halves.carried == ("mask",)
    text_half, sound_half = onnx.load_from_string(halves.text_half), onnx.load_from_string(halves.sound_half)
    assert {value.name for value in text_half.graph.input} == {"input", "scales", RHYTHM_NOISE}
    assert {value.name for value in sound_half.graph.input} == {"latent", "mask"}
    assert not [node for half in (text_half, sound_half) for node in half.graph.node if "Random" in node.op_type]


def test_a_graph_of_another_kind_is_refused_with_what_was_missed(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="2 Ceil nodes"):
        split(tiny_vits(tmp_path / "voice.onnx", ceilings=2))


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "voice.onnx"
    path.write_bytes(np.random.default_rng(1).bytes(100))
    with pytest.raises(EngineError, match="not a"):
        split(path)
