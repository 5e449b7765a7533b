"""A loaded Piper voice and the engine that loads it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from voicechat.audio.pcm import Pcm32f
from voicechat.tts.engine import EngineError, Part, Prosody, SegmentPlan, Voice, VoiceTraits, WordTime
from voicechat.tts.engines.piper import graph
from voicechat.tts.engines.piper.noise import SegmentNoise
from voicechat.tts.engines.piper.phonemes import (
    EspeakPhonemes,
    LetterPhonemes,
    PhonemeIds,
    PhonemeText,
    Phonemizer,
    phonemes_of,
    to_ids,
)

_Tensor = npt.NDArray[Any]


class _Audio(BaseModel):
    sample_rate: int


class _Espeak(BaseModel):
    voice: str = "en-us"


class _Inference(BaseModel):
    noise_scale: float = 0.667
    length_scale: float = 1.0
    noise_w: float = 0.8


class _Language(BaseModel):
    code: str = ""


class PiperConfig(BaseModel):
    """The JSON beside a Piper model, as far as it is used."""

    model_config = ConfigDict(extra="ignore")

    audio: _Audio
    espeak: _Espeak = _Espeak()
    inference: _Inference = _Inference()
    language: _Language = _Language()
    phoneme_type: str = "espeak"
    phoneme_id_map: dict[str, list[int]]
    num_speakers: int = 1
    speaker_id_map: dict[str, int] = Field(default_factory=dict)
    hop_length: int = 256
    vowel_clusters: list[tuple[str, ...]] = Field(default_factory=list)

    @property
    def speakers(self) -> tuple[str, ...]:
        """Names in the order of their ids."""
        named = sorted(self.speaker_id_map, key=lambda name: self.speaker_id_map[name])
        return tuple(named) or tuple(str(index) for index in range(max(1, self.num_speakers)))

    @property
    def language_tag(self) -> str:
        """BCP 47."""
        return (self.language.code or self.espeak.voice).replace("_", "-")


@dataclass(frozen=True, slots=True)
class _Latent:
    """Everything the sound half is given for one segment."""

    feeds: Mapping[str, _Tensor]
    frames: int


class PiperVoice:
    """Speaks with one Piper model; safe to call from several threads."""

    def __init__(self, config: PiperConfig, halves: graph.SplitGraph, phonemize: Phonemizer) -> None:
        self._config = config
        self._halves = halves
        self._phonemize = phonemize
        self._text_half = _session(halves.text_half)
        self._sound_half = _session(halves.sound_half)
        self._text_inputs = {value.name for value in self._text_half.get_inputs()}
        self._text_outputs = [halves.durations, halves.mean, halves.spread, *halves.carried]
        self._traits = VoiceTraits(config.audio.sample_rate, config.language_tag, config.speakers)

    @property
    def traits(self) -> VoiceTraits:
        """What the model is."""
        return self._traits

    def speak(self, text: str, prosody: Prosody) -> Iterator[Part]:
        """The plan of a segment, then its audio in one piece."""
        spoken = phonemes_of(text, self._phonemize)
        if not spoken.phonemes:
            yield SegmentPlan((), 0.0)
            return
        ids = to_ids(spoken.phonemes, self._config.phoneme_id_map)
        durations, latent = self._latent(ids, prosody, SegmentNoise(prosody.seed, spoken.phonemes))
        yield SegmentPlan(self._word_times(spoken, ids, durations), self._seconds(latent.frames))
        yield self._sound(latent)

    def _latent(
        self, ids: PhonemeIds, prosody: Prosody, noise: SegmentNoise
    ) -> tuple[npt.NDArray[np.float32], _Latent]:
        inference = self._config.inference
        noise_scale = inference.noise_scale if prosody.noise_scale is None else prosody.noise_scale
        noise_w = inference.noise_w if prosody.noise_w is None else prosody.noise_w
        count = len(ids.ids)
        feeds = {
            "input": np.array([ids.ids], np.int64),
            "input_lengths": np.array([count], np.int64),
            "scales": np.array([noise_scale, inference.length_scale / prosody.speed, noise_w], np.float32),
            "sid": np.array([prosody.speaker], np.int64),
            graph.RHYTHM_NOISE: noise.rhythm(count),
        }
        given = {name: feed for name, feed in feeds.items() if name in self._text_inputs}
        durations, mean, spread, *carried = self._text_half.run(self._text_outputs, given)
        latent = mean + noise.latent(mean.shape) * spread * np.float32(noise_scale)
        sound = dict(zip(self._halves.carried, carried, strict=True))
        return durations.reshape(-1), _Latent({self._halves.latent: latent, **sound}, mean.shape[-1])

    def _sound(self, latent: _Latent) -> Pcm32f:
        (audio,) = self._sound_half.run(None, dict(latent.feeds))
        samples: Pcm32f = audio.reshape(-1)
        return samples

    def _seconds(self, frames: float) -> float:
        return frames * self._config.hop_length / self._config.audio.sample_rate

    def _word_times(
        self, spoken: PhonemeText, ids: PhonemeIds, durations: npt.NDArray[np.float32]
    ) -> tuple[WordTime, ...]:
        passed = np.concatenate(([0.0], np.cumsum(durations)))
        return tuple(
            WordTime(
                *word.written,
                self._seconds(float(passed[ids.places[word.start]])),
                self._seconds(float(passed[ids.places[word.end]])),
            )
            for word in spoken.words
        )


def _session(model: bytes) -> onnxruntime.InferenceSession:
    """One thread a run: the scheduler, not the runtime, spreads work over the cores."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _read_config(path: Path) -> PiperConfig:
    try:
        return PiperConfig.model_validate(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise EngineError(f"{path} does not describe a Piper voice ({error}); pull the model anew") from error


def _phonemizer(config: PiperConfig) -> Phonemizer:
    match config.phoneme_type:
        case "espeak":
            return EspeakPhonemes(config.espeak.voice, set(config.vowel_clusters) or None)
        case "text":
            return LetterPhonemes()
        case other:
            raise EngineError(f"phonemes of type {other!r} are not supported; choose a voice of type espeak or text")


def _model_file(directory: Path) -> Path:
    models: Sequence[Path] = sorted(directory.glob("*.onnx"))
    if len(models) != 1:
        raise EngineError(f"{directory} must hold exactly one .onnx file and holds {len(models)}; pull the model anew")
    return models[0]


class PiperEngine:
    """Loads Piper voices."""

    @property
    def name(self) -> str:
        """`piper`."""
        return "piper"

    @property
    def version(self) -> str:
        """Of ONNX Runtime."""
        return f"onnxruntime {onnxruntime.__version__}"

    def load(self, directory: Path) -> Voice:
        """Load the voice in `directory`; takes seconds. Raises `EngineError`."""
        path = _model_file(directory)
        config = _read_config(path.with_name(path.name + ".json"))
        return PiperVoice(config, graph.split(path), _phonemizer(config))
