"""A Piper voice's graph, cut where its noise has been drawn, and where its decoder can be run on windows.

A Piper export is VITS (Kim et al. 2021) in one graph that draws its own noise. It is cut in three:

- text: phoneme ids in; durations, and the latent's mean and spread for each id, out. The graph would now spread them
  over frames by a matrix product of frames x ids; repeating them by the durations is the same.
- front: the latent, by frames, through the flow and the first stage of the decoder, where the receptive field is.
- back: the rest of the decoder, where the computing is, which looks hardly a frame to each side.

With the noise made an input, the same noise gives the same audio anywhere. Masks, which are all ones for one text, and
additions of zeros are taken out, and attention is spared the zeros it would multiply with. A graph that differs is cut
in two, at the latent, and run on whole segments.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voicechat.tts.engine import EngineError
from voicechat.tts.engines.piper.attention import narrow_attention
from voicechat.tts.engines.piper.simpler import leave_out_masks, leave_out_zeros

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

RHYTHM_NOISE = "rhythm_noise"
"""Input of the text part: float32, shape (1, 2, phoneme ids)."""


@dataclass(frozen=True, slots=True)
class Seams:
    """The tensors that pass between the parts.

    Attributes:
        durations: Frames of each phoneme id.
        mean: Of the latent; shape (1, channels, ids), or (1, channels, frames) where there is no streaming.
        spread: The logarithm of its standard deviation, or that itself where there is no streaming; same shape.
        latent: Where the sound parts take mean + noise * deviation.
        carried: Further tensors that the sound parts need: the speaker's embedding; the mask of a graph cut in two.
        coarse: Between front and back, shape (1, channels, a multiple of frames); None when there is no such cut.
        unstreamed: Why there is not.
    """

    durations: str
    mean: str
    spread: str
    latent: str
    carried: tuple[str, ...]
    coarse: str | None = None
    unstreamed: str = ""


@dataclass(frozen=True, slots=True)
class CutGraph:
    """The parts, serialized: the text part, and the sound's, one or two."""

    text: bytes
    sound: tuple[bytes, ...]
    seams: Seams


class _Unlike(Exception):
    """The graph cannot be cut for streaming; the text says why."""


def cut(path: Path, *, whole: bool = False) -> CutGraph:
    """Read and cut a Piper export, for whole segments if `whole`. Raises `EngineError` when it is not one."""
    import onnx

    try:
        model = onnx.load(str(path))
    except Exception as error:
        raise EngineError(f"{path} is not an ONNX model ({error}); pull the model anew") from error
    cutter = _Cutter(model, path)
    if whole:
        return cutter.in_two("asked for")
    try:
        return cutter.in_three()
    except _Unlike as difference:
        return cutter.in_two(str(difference))


class _Cutter:
    def __init__(self, model: ModelProto, path: Path) -> None:
        self._model = model
        self._path = path
        self._nodes: list[NodeProto] = list(model.graph.node)
        self._makers = {name: node for node in self._nodes for name in node.output}
        self._users: dict[str, list[NodeProto]] = {}
        for node in self._nodes:
            for name in node.input:
                self._users.setdefault(name, []).append(node)
        self._durations = self._only("Ceil").output[0]
        noise, self._deviation, self._latent, self._mean = self._find_latent()
        self._free_rhythm_noise(latent_noise=noise)
        self._carried = self._frontier(self._latent)

    def in_three(self) -> CutGraph:
        """For streaming. Raises `_Unlike`."""
        mean = self._before_alignment(self._mean)
        spread = self._before_alignment(self._maker(self._deviation, "Exp").input[0])
        mask, speaker = self._mask_and_speaker()
        coarse = self._coarse(speaker)
        behind = tuple(sorted(self._frontier(coarse)))
        seams = Seams(self._durations, mean, spread, self._latent, speaker, coarse)
        text = self._extract(self._inputs, [self._durations, mean, spread, *speaker])
        leave_out_masks(text.graph, self._masks())
        narrow_attention(text.graph, ids=self._inputs[0])
        front = self._extract([self._latent, mask, *speaker], [coarse])
        leave_out_masks(front.graph, {mask})
        leave_out_zeros(front.graph)
        back = self._extract([coarse, *behind], [self._output])
        return CutGraph(text.SerializeToString(), (front.SerializeToString(), back.SerializeToString()), seams)

    def in_two(self, reason: str) -> CutGraph:
        """For whole segments."""
        carried = tuple(sorted(self._carried))
        seams = Seams(self._durations, self._mean, self._deviation, self._latent, carried, None, reason)
        text = self._extract(self._inputs, [self._durations, self._mean, self._deviation, *carried])
        sound = self._extract([self._latent, *carried], [self._output])
        return CutGraph(text.SerializeToString(), (sound.SerializeToString(),), seams)

    # --- what both need

    @property
    def _inputs(self) -> list[str]:
        return [value.name for value in self._model.graph.input]

    @property
    def _output(self) -> str:
        name: str = self._model.graph.output[0].name
        return name

    def _refuse(self, what: str) -> EngineError:
        return EngineError(f"{self._path} is not a Piper voice: {what}; pull the model anew or choose another")

    def _only(self, kind: str) -> NodeProto:
        found = [node for node in self._nodes if node.op_type == kind]
        if len(found) != 1:
            raise self._refuse(f"its graph holds {len(found)} {kind} nodes where one is expected")
        return found[0]

    def _noises(self) -> list[NodeProto]:
        return [node for node in self._nodes if node.op_type == "RandomNormalLike"]

    def _find_latent(self) -> tuple[str, str, str, str]:
        """Names of: the noise, its standard deviation, the latent, its mean (mean + noise * deviation * scale)."""
        for noise in self._noises():
            name, mean = noise.output[0], noise.input[0]
            if len(noises := self._users.get(name, [])) != 1 or noises[0].op_type != "Mul":
                continue
            deviation = next(other for other in noises[0].input if other != name)
            for scaled in self._users.get(noises[0].output[0], []):
                for add in self._users.get(scaled.output[0], []):
                    if (scaled.op_type, add.op_type) == ("Mul", "Add") and mean in add.input:
                        return name, deviation, add.output[0], mean
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

    def _extract(self, inputs: Collection[str], outputs: Collection[str]) -> ModelProto:
        """The nodes between; tensors at a seam, all float32, get a type, as inputs and outputs must have one."""
        from onnx import TensorProto, helper
        from onnx.utils import Extractor

        graph = self._model.graph
        described = {value.name for group in (graph.value_info, graph.input, graph.output) for value in group}
        for name in {*inputs, *outputs} - described:
            graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
        model: ModelProto = Extractor(self._model).extract_model(list(inputs), list(outputs))
        return model

    def _frontier(self, tensor: str) -> set[str]:
        """Tensors made from the inputs, not from `tensor`, that nodes behind `tensor` use."""
        behind = set(self._reachable([tensor])) - {tensor}
        from_inputs = set(self._reachable(self._inputs))
        used = {name for node in self._nodes if behind.intersection(node.output) for name in node.input}
        return (used & from_inputs) - behind - {tensor}

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

    # --- what streaming needs

    def _maker(self, tensor: str, kind: str) -> NodeProto:
        node = self._makers.get(tensor)
        if node is None or node.op_type != kind:
            raise _Unlike(f"{tensor} is made by {node.op_type if node else 'nothing'}, not by {kind}")
        return node

    def _before_alignment(self, tensor: str) -> str:
        """What is spread over the frames to make `tensor`: transposed, multiplied by the alignment, transposed back."""
        product = self._maker(self._maker(tensor, "Transpose").input[0], "MatMul")
        name: str = self._maker(product.input[1], "Transpose").input[0]
        return name

    def _masks(self) -> set[str]:
        """Tensors that say which places of a padded batch are real: Cast(Unsqueeze(Less(...)))."""
        found = set()
        for node in self._nodes:
            grown = self._makers.get(node.input[0]) if node.op_type == "Cast" else None
            if grown is None or grown.op_type != "Unsqueeze":
                continue
            source = self._makers.get(grown.input[0])
            if source is not None and source.op_type == "Less":
                found.add(node.output[0])
        return found

    def _mask_and_speaker(self) -> tuple[str, tuple[str, ...]]:
        """What is carried around the latent: the mask of the frames, and what the durations do not change."""
        timed = self._carried & set(self._reachable([self._durations]))
        if len(timed) != 1 or not timed <= self._masks():
            raise _Unlike(
                f"{', '.join(sorted(timed)) or 'nothing'} passes around the latent where its mask is expected"
            )
        (mask,) = timed
        behind = set(self._reachable([self._latent]))
        users = [node for node in self._users[mask] if behind.intersection(node.output)]
        if odd := [node.op_type for node in users if node.op_type != "Mul"]:
            raise _Unlike(f"the mask of the frames is used by {odd[0]}, not only by Mul")
        return mask, tuple(sorted(self._carried - timed))

    def _coarse(self, speaker: Collection[str]) -> str:
        """The input of the decoder's second upsampling, which all that follows depends on."""
        upsamplings = [node for node in self._nodes if node.op_type == "ConvTranspose"]
        if len(upsamplings) < 2:
            raise _Unlike(f"the decoder upsamples {len(upsamplings)} times where two or more are expected")
        coarse: str = upsamplings[1].input[0]
        if extra := self._frontier(coarse) - set(speaker):
            raise _Unlike(f"{', '.join(sorted(extra))} passes around the second upsampling")
        return coarse
