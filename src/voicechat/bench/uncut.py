"""A Piper voice's graph in one piece, its noise given: what streamed audio is compared with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from voicechat.audio.pcm import Pcm32f
from voicechat.tts.engine import Prosody
from voicechat.tts.engines.piper.noise import SegmentNoise
from voicechat.tts.engines.piper.phonemes import EspeakPhonemes, phonemes_of, to_ids
from voicechat.tts.engines.piper.voice import PiperConfig

if TYPE_CHECKING:
    from onnx import ModelProto

_RHYTHM, _LATENT = "given_rhythm_noise", "given_latent_noise"


class UncutVoice:
    """Runs the exported graph as it is, but for its two sources of noise, which become inputs.

    Args:
        path: The .onnx file, its .json beside it.
    """

    def __init__(self, path: Path) -> None:
        import onnx

        self._config = PiperConfig.model_validate(json.loads(path.with_name(path.name + ".json").read_text("utf-8")))
        self._phonemize = EspeakPhonemes(self._config.espeak.voice, set(self._config.vowel_clusters) or None)
        model = onnx.load(str(path))
        self._mean = _give_noise(model)
        self._audio = model.graph.output[0].name
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(self._mean))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {value.name for value in self._session.get_inputs()}

    def speak(self, text: str, prosody: Prosody) -> Pcm32f:
        """The audio of one segment, at the noise that the engine draws for it."""
        spoken = phonemes_of(text, self._phonemize)
        ids = to_ids(spoken.phonemes, self._config.phoneme_id_map)
        noise = SegmentNoise(prosody.seed, spoken.phonemes)
        feeds = self._feeds(ids.ids, prosody) | {_RHYTHM: noise.rhythm(len(ids.ids))}
        # The length of the latent is known only behind the duration predictor: ask for that half first.
        (mean,) = self._run([self._mean], feeds | {_LATENT: np.zeros((1, 1, 1), np.float32)})
        (audio,) = self._run([self._audio], feeds | {_LATENT: noise.latent(mean.shape)})
        samples: Pcm32f = audio.reshape(-1)
        return samples

    def _feeds(self, ids: tuple[int, ...], prosody: Prosody) -> dict[str, Any]:
        inference = self._config.inference
        noise_scale = inference.noise_scale if prosody.noise_scale is None else prosody.noise_scale
        noise_w = inference.noise_w if prosody.noise_w is None else prosody.noise_w
        return {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([noise_scale, inference.length_scale / prosody.speed, noise_w], np.float32),
            "sid": np.array([prosody.speaker], np.int64),
        }

    def _run(self, outputs: list[str], feeds: dict[str, Any]) -> list[Any]:
        found: list[Any] = self._session.run(outputs, {name: feeds[name] for name in self._inputs})
        return found


def _give_noise(model: ModelProto) -> str:
    """Make the graph's noises inputs; returns the tensor whose shape the latent's has.

    Nodes are in the order of computation, in which the latent's noise is the last.
    """
    from onnx import TensorProto, helper

    noises = [node for node in model.graph.node if node.op_type == "RandomNormalLike"]
    names = (_RHYTHM, _LATENT)[-len(noises) :]
    for node, name in zip(noises, names, strict=True):
        for user in model.graph.node:
            user.input[:] = [name if used == node.output[0] else used for used in user.input]
        model.graph.node.remove(node)
        model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, None]))
    mean: str = noises[-1].input[0]
    return mean
