"""A loaded Piper voice and the engine that loads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import structlog
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from voicechat.tts.engine import EngineError, Part, Prosody, SegmentPlan, Voice, VoiceTraits, WordTime, never
from voicechat.tts.engines.piper import graph
from voicechat.tts.engines.piper.decoder import (
    TOLERANCE,
    Decoder,
    WholeDecoder,
    WindowedDecoder,
    windowing_error,
)
from voicechat.tts.engines.piper.noise import SegmentNoise
from voicechat.tts.engines.piper.parts import CHECKED_FRAMES, Parts, forget, parts_of, probe
from voicechat.tts.engines.piper.phonemes import (
    EspeakPhonemes,
    LetterPhonemes,
    PhonemeIds,
    PhonemeText,
    Phonemizer,
    phonemes_of,
    to_ids,
)
from voicechat.tts.engines.piper.sessions import TRIALS, Runner, Tensor, runners
from voicechat.tts.text.lexicon_file import Pronunciations, read_pronunciations

_Damaged = (Fail, InvalidGraph, InvalidProtobuf)
_LONG_TEXT = "la " * 65
"""About as many phonemes as a segment has at most."""
_log = structlog.get_logger()


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
class _Distribution:
    """What the text part says of a segment: frames of each id, the latent's mean and spread, and what is carried."""

    durations: npt.NDArray[np.float32]
    mean: Tensor
    spread: Tensor
    carried: dict[str, Tensor]


class PiperVoice:
    """Speaks with one Piper model; safe to call from several threads.

    Args:
        config: The JSON beside the model.
        parts: Of its graph.
        phonemize: Text to phonemes.
        hurry_threads: Threads that work on what somebody waits for while the machine is idle.
    """

    def __init__(self, config: PiperConfig, parts: Parts, phonemize: Phonemizer, hurry_threads: int = 1) -> None:
        self._config = config
        self._seams = parts.seams
        self._phonemize = phonemize
        self._text, *sound = runners((parts.text, *parts.sound), hurry_threads)
        self._decoder = _decoder(parts, sound)
        self._text_outputs = [self._seams.durations, self._seams.mean, self._seams.spread, *self._seams.carried]
        self._traits = VoiceTraits(config.audio.sample_rate, config.language_tag, config.speakers)

    @property
    def traits(self) -> VoiceTraits:
        """What the model is."""
        return self._traits

    @property
    def unstreamed(self) -> str:
        """Why segments are made in one piece; empty when they are streamed."""
        return self._seams.unstreamed

    def self_check(self) -> float:
        """Relative RMS error of streamed audio against the whole; 0 for a voice that is not streamed."""
        if not isinstance(self._decoder, WindowedDecoder):
            return 0.0
        return windowing_error(self._decoder, *probe(self._text, self._seams, min(CHECKED_FRAMES)))

    def warm_up(self) -> None:
        """Begin a long segment each way some times: memory is taken, and the ways are timed, before anyone waits."""
        for _ in range(2 * TRIALS):
            for part in self.speak(_LONG_TEXT, Prosody(), lambda: True):
                if not isinstance(part, SegmentPlan):
                    break

    def speak(self, text: str, prosody: Prosody, hurry: Callable[[], bool] = never) -> Iterator[Part]:
        """The plan of a segment, then its audio: a small part first, growing ones behind."""
        spoken = phonemes_of(text, self._phonemize)
        if not spoken.phonemes:
            yield SegmentPlan((), 0.0)
            return
        ids = to_ids(spoken.phonemes, self._config.phoneme_id_map)
        noise = SegmentNoise(prosody.seed, spoken.phonemes)
        said = self._distribution(ids, prosody, noise, hurry())
        latent = self._latent(said, prosody, noise)
        yield SegmentPlan(self._word_times(spoken, ids, said.durations), self._seconds(latent.shape[-1]))
        yield from self._decoder.parts(latent, said.carried, hurry)

    def _distribution(self, ids: PhonemeIds, prosody: Prosody, noise: SegmentNoise, hurry: bool) -> _Distribution:
        inference = self._config.inference
        noise_w = inference.noise_w if prosody.noise_w is None else prosody.noise_w
        count = len(ids.ids)
        feeds: dict[str, Tensor] = {
            "input": np.array([ids.ids], np.int64),
            "input_lengths": np.array([count], np.int64),
            "scales": np.array(
                [self._noise_scale(prosody), inference.length_scale / prosody.speed, noise_w], np.float32
            ),
            "sid": np.array([prosody.speaker], np.int64),
            graph.RHYTHM_NOISE: noise.rhythm(count),
        }
        durations, mean, spread, *carried = self._text.run(feeds, self._text_outputs, hurry=hurry)
        return _Distribution(durations.reshape(-1), mean, spread, dict(zip(self._seams.carried, carried, strict=True)))

    def _latent(self, said: _Distribution, prosody: Prosody, noise: SegmentNoise) -> Tensor:
        mean, deviation = said.mean, said.spread
        if self._seams.coarse is not None:
            frames = said.durations.astype(np.int64)
            mean, deviation = (spread_over(tensor, frames) for tensor in (mean, np.exp(deviation)))
        latent: Tensor = mean + noise.latent(mean.shape) * deviation * np.float32(self._noise_scale(prosody))
        return latent

    def _noise_scale(self, prosody: Prosody) -> float:
        return self._config.inference.noise_scale if prosody.noise_scale is None else prosody.noise_scale

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


def spread_over(tensor: Tensor, frames: npt.NDArray[np.int64]) -> Tensor:
    """Repeat each place of the last axis as often as `frames` says: what the graph does by a matrix product.

    Without any frames there is one, of zeros, as in the graph.
    """
    if not frames.sum():
        return np.zeros((*tensor.shape[:-1], 1), tensor.dtype)
    return np.repeat(tensor, frames, axis=-1)


def _decoder(parts: Parts, sound: Sequence[Runner]) -> Decoder:
    seams = parts.seams
    if seams.coarse is None:
        return WholeDecoder(sound[0], seams.latent)
    front, back = sound
    return WindowedDecoder(front, back, seams.latent, seams.coarse, parts.margin)


def _read_config(path: Path) -> PiperConfig:
    try:
        return PiperConfig.model_validate(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise EngineError(f"{path} does not describe a Piper voice ({error}); pull the model anew") from error


def _phonemizer(config: PiperConfig, pronunciations: Pronunciations) -> Phonemizer:
    match config.phoneme_type:
        case "espeak":
            return EspeakPhonemes(config.espeak.voice, set(config.vowel_clusters) or None, pronunciations)
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
    """Loads Piper voices.

    Args:
        hurry_threads: Threads that work on what somebody waits for while the machine is idle.
        lexicon: Pronunciations of the installation, read with every voice; raises `LexiconError` where it is wrong.
    """

    def __init__(self, hurry_threads: int = 1, lexicon: Path | None = None) -> None:
        self._hurry_threads = hurry_threads
        self._lexicon = lexicon
        read_pronunciations(lexicon)

    @property
    def name(self) -> str:
        """`piper`."""
        return "piper"

    @property
    def version(self) -> str:
        """Of ONNX Runtime."""
        return f"onnxruntime {onnxruntime.__version__}"

    def load(self, directory: Path) -> Voice:
        """Load the voice in `directory`; takes seconds the first time. Raises `EngineError`."""
        path = _model_file(directory)
        config = _read_config(path.with_name(path.name + ".json"))
        phonemize = _phonemizer(config, read_pronunciations(self._lexicon))
        try:
            voice = PiperVoice(config, parts_of(path), phonemize, self._hurry_threads)
        except _Damaged as error:
            _log.warning("kept parts are damaged", path=str(path), reason=str(error))
            forget(path)
            voice = PiperVoice(config, parts_of(path), phonemize, self._hurry_threads)
        if voice.unstreamed:
            _log.warning("voice speaks whole segments", path=str(path), reason=voice.unstreamed)
        if (error_s := voice.self_check()) > TOLERANCE:
            forget(path)
            raise EngineError(f"{path} is streamed with an error of {error_s:g}; load it again, or pull it anew")
        voice.warm_up()
        return voice
