from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from voicechat.tts.engine import EngineError
from voicechat.tts.engines.piper.graph import RHYTHM_NOISE, CutGraph, cut

CHANNELS = 2


def tiny_vits(path: Path, *, ceilings: int = 1, upsamplings: int = 2, speaker: bool = False, odd: bool = False) -> Path:
    """The shape of a Piper export around its seams: an encoder, durations, an alignment, a masked flow, a decoder."""
    weights: dict[str, np.ndarray[Any, Any]] = {
        "up1": np.ones((CHANNELS, CHANNELS, 2), np.float32),
        "up2": np.ones((CHANNELS, 1, 2), np.float32),
        "one": np.array([1], np.int64),
        "range": np.arange(64, dtype=np.int64)[None],
        "table": np.arange(4, dtype=np.float32).reshape(4, 1),
    }
    make = helper.make_node
    nodes = [
        make("Cast", ["input"], ["floats"], to=TensorProto.FLOAT),
        make("Unsqueeze", ["floats", "one"], ["row"]),
        make("Concat", ["row", "row"], ["encoded"], axis=1),
        make("RandomNormalLike", ["row"], ["rhythm"]),
        make("Mul", ["rhythm", "scales"], ["rhythm_scaled"]),
        make("Add", ["row", "rhythm_scaled"], ["lengths"]),
        *[make("Ceil", ["lengths"], [f"durations{at}"]) for at in range(ceilings)],
        make("Less", ["durations0", "row"], ["real"]),
        make("Unsqueeze", ["real", "one"], ["real4"]),
        make("Cast", ["real4"], ["mask"], to=TensorProto.FLOAT),
        make("Identity", ["mask"], ["path"]),
        *_spread("mean"),
        *_spread("logs"),
        make("RandomNormalLike", ["mean"], ["noise"]),
        make("Exp", ["logs"], ["deviation"]),
        make("Mul", ["noise", "deviation"], ["noise_spread"]),
        make("Mul", ["noise_spread", "scales"], ["noise_scaled"]),
        make("Add", ["mean", "noise_scaled"], ["latent"]),
        make("Mul", ["latent", "mask"], ["flowed"]),
        make("Sub" if odd else "Mul", ["flowed", "mask"], ["masked"]),
    ]
    decoder_input = "masked"
    if speaker:
        nodes += [make("Gather", ["table", "sid"], ["g"]), make("Add", ["masked", "g"], ["voiced"])]
        decoder_input = "voiced"
    for at in range(upsamplings):
        made = "output" if at == upsamplings - 1 else f"coarse{at}"
        nodes.append(make("ConvTranspose", [decoder_input, f"up{min(at + 1, 2)}"], [made], strides=[2]))
        decoder_input = made
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, None]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [1]),
    ]
    if speaker:
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, [1]))
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, None])
    graph = helper.make_graph(
        nodes, "tiny", inputs, [output], [numpy_helper.from_array(value, name) for name, value in weights.items()]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), str(path))
    return path


def _spread(name: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Identity", ["encoded"], [f"{name}_ids"]),
        helper.make_node("Transpose", [f"{name}_ids"], [f"{name}_columns"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["path", f"{name}_columns"], [f"{name}_frames"]),
        helper.make_node("Transpose", [f"{name}_frames"], [name], perm=[0, 2, 1]),
    ]


def inputs_of(part: bytes) -> set[str]:
    return {value.name for value in onnx.load_from_string(part).graph.input}


def kinds_in(part: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(part).graph.node]


def parts_of(graph: CutGraph) -> tuple[bytes, ...]:
    return (graph.text, *graph.sound)


def test_the_graph_is_cut_before_its_alignment_at_its_latent_and_in_its_decoder(tmp_path: Path) -> None:
    made = cut(tiny_vits(tmp_path / "voice.onnx"))

    seams = made.seams
    assert (seams.durations, seams.mean, seams.spread) == ("durations0", "mean_ids", "logs_ids")
    assert (seams.latent, seams.coarse, seams.carried, seams.unstreamed) == ("latent", "coarse0", (), "")
    text, front, back = parts_of(made)
    assert inputs_of(text) == {"input", "scales", RHYTHM_NOISE}
    assert (inputs_of(front), inputs_of(back)) == ({"latent"}, {"coarse0"})
    assert "MatMul" not in kinds_in(text)
    assert not [kind for part in parts_of(made) for kind in kinds_in(part) if "Random" in kind]


def test_masks_that_are_all_ones_are_left_out(tmp_path: Path) -> None:
    _, front, _ = parts_of(cut(tiny_vits(tmp_path / "voice.onnx")))

    assert kinds_in(front) == ["ConvTranspose"]
    session = onnxruntime.InferenceSession(front, providers=["CPUExecutionProvider"])
    (coarse,) = session.run(None, {"latent": np.ones((1, CHANNELS, 3), np.float32)})
    assert coarse.shape == (1, CHANNELS, 6)


def test_the_speaker_is_carried_to_where_it_is_used(tmp_path: Path) -> None:
    made = cut(tiny_vits(tmp_path / "voice.onnx", speaker=True))

    text, front, back = parts_of(made)
    assert made.seams.carried == ("g",)
    assert "sid" in inputs_of(text)
    assert (inputs_of(front), inputs_of(back)) == ({"latent", "g"}, {"coarse0"})


@pytest.mark.parametrize(
    ("difference", "reason"),
    [({"upsamplings": 1}, "upsamples 1 times"), ({"odd": True}, "used by Sub")],
)
def test_a_graph_that_differs_is_cut_for_whole_segments_with_the_reason(
    tmp_path: Path, difference: dict[str, int], reason: str
) -> None:
    made = cut(tiny_vits(tmp_path / "voice.onnx", **difference))  # type: ignore[arg-type]

    assert reason in made.seams.unstreamed
    assert (made.seams.coarse, made.seams.mean, made.seams.carried) == (None, "mean", ("mask",))
    assert [inputs_of(part) for part in made.sound] == [{"latent", "mask"}]


def test_a_graph_of_another_kind_is_refused_with_what_was_missed(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="2 Ceil nodes"):
        cut(tiny_vits(tmp_path / "voice.onnx", ceilings=2))


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "voice.onnx"
    path.write_bytes(np.random.default_rng(1).bytes(100))
    with pytest.raises(EngineError, match="not a"):
        cut(path)
