"""A Piper voice's graph, cut in two where its noise has been drawn.

A Piper export is VITS (Kim et al. 2021) in one graph that draws its own noise. Cut before the flow, and with the noise
made inputs, the same noise gives the same audio anywhere, durations can be read, and the second half can be run on any
part of a segment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voicechat.tts.engine import EngineError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

RHYTHM_NOISE = "rhythm_noise"
"""Input of the first half: float32, shape (1, 2, phoneme ids)."""


@dataclass(frozen=True, slots=True)
class SplitGraph:
    """Both halves, serialized, and the tensors that pass between them.

    Attributes:
        text_half: Phoneme ids in; `durations`, `mean`, `spread` and `carried` out.
        sound_half: `latent` and `carried` in, audio out.
        durations: Frames of each phoneme id.
        mean: Of the latent, shape (1, channels, frames).
        spread: Standard deviation of the latent, same shape.
        latent: Where the sound half takes mean + noise * spread.
        carried: Further tensors that the sound half needs, such as its mask.
    """

    text_half: bytes
    sound_half: bytes
    durations: str
    mean: str
    spread: str
    latent: str
    carried: tuple[str, ...]


def split(path: Path) -> SplitGraph:
    """Read and cut a Piper export. Raises `EngineError` when it is not one."""
    import onnx

    try:
        model = onnx.load(str(path))
    except Exception as error:
        raise EngineError(f"{path} is not an ONNX model ({error}); pull the model anew") from error
    return _Cutter(model, path).cut()


class _Cutter:
    def __init__(self, model: ModelProto, path: Path) -> None:
        self._model = model
        self._path = path
        self._nodes: list[NodeProto] = list(model.graph.node)
        self._users: dict[str, list[NodeProto]] = {}
        for node in self._nodes:
            for name in node.input:
                self._users.setdefault(name, []).append(node)

    def cut(self) -> SplitGraph:
        """Find the seam, make the rhythm's noise an input, and extract both sides."""
        from onnx.utils import Extractor

        durations = self._only("Ceil").output[0]
        scaled, spread, latent, mean = self._latent()
        self._free_rhythm_noise(latent_noise=scaled)
        carried = tuple(sorted(self._frontier(latent)))
        self._describe(durations, mean, spread, latent, *carried)
        inputs = [value.name for value in self._model.graph.input]
        extractor = Extractor(self._model)
        text_half = extractor.extract_model(inputs, [durations, mean, spread, *carried])
        sound_half = extractor.extract_model([latent, *carried], [self._model.graph.output[0].name])
        return SplitGraph(
            text_half.SerializeToString(), sound_half.SerializeToString(), durations, mean, spread, latent, carried
        )

    def _refuse(self, what: str) -> EngineError:
        return EngineError(f"{self._path} is not a Piper voice: {what}; pull the model anew or choose another")

    def _only(self, kind: str) -> NodeProto:
        found = [node for node in self._nodes if node.op_type == kind]
        if len(found) != 1:
            raise self._refuse(f"its graph holds {len(found)} {kind} nodes where one is expected")
        return found[0]

    def _noises(self) -> list[NodeProto]:
        return [node for node in self._nodes if node.op_type == "RandomNormalLike"]

    def _latent(self) -> tuple[str, str, str, str]:
        """Names of: the noise, its standard deviation, the latent, its mean (mean + noise * spread * scale)."""
        for noise in self._noises():
            name, mean = noise.output[0], noise.input[0]
            if len(noises := self._users.get(name, [])) != 1 or noises[0].op_type != "Mul":
                continue
            spread = next(other for other in noises[0].input if other != name)
            for scaled in self._users.get(noises[0].output[0], []):
                for add in self._users.get(scaled.output[0], []):
                    if (scaled.op_type, add.op_type) == ("Mul", "Add") and mean in add.input:
                        return name, spread, add.output[0], mean
        raise self._refuse("its graph draws no latent noise")

    def _free_rhythm_noise(self, latent_noise: str) -> None:
        """Make the duration predictor's noise an input; models with a deterministic predictor have none."""
        from onnx import TensorProto, helper

        graph = self._model.graph
        for node in self._noises():
            if node.output[0] == latent_noise:
                continue
            for user in self._users[node.output[0]]:
                user.input[:] = [RHYTHM_NOISE if name == node.output[0] else name for name in user.input]
            graph.node.remove(node)
            graph.input.append(helper.make_tensor_value_info(RHYTHM_NOISE, TensorProto.FLOAT, [1, 2, None]))
            return

    def _describe(self, *names: str) -> None:
        """Give the seam's tensors, all float32, a type, as inputs and outputs must have one."""
        from onnx import TensorProto, helper

        described = {value.name for value in self._model.graph.value_info}
        for name in set(names) - described:
            self._model.graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))

    def _frontier(self, latent: str) -> set[str]:
        """Tensors made from the inputs, not from the latent, that nodes behind the latent use."""
        behind = set(self._reachable([latent])) - {latent}
        from_inputs = set(self._reachable([value.name for value in self._model.graph.input]))
        used = {name for node in self._nodes if behind.intersection(node.output) for name in node.input}
        return (used & from_inputs) - behind - {latent}

    def _reachable(self, names: list[str]) -> Iterator[str]:
        seen = set(names)
        todo = list(names)
        while todo:
            for node in self._users.get(todo.pop(), []):
                for output in node.output:
                    if output not in seen:
                        seen.add(output)
                        todo.append(output)
        yield from seen
