"""The engine port: what the worker asks of a synthesizer.

An engine turns a model's directory into a `Voice`. A voice turns a segment into an iterator of parts; taking one part
is one unit of work, which the scheduler runs on a worker thread when the segment's turn comes. A part may be a whole
segment's audio or a few frames of it: nothing above the port depends on which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from voicechat.audio.pcm import Pcm32f


class EngineError(Exception):
    """A model's files cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class VoiceTraits:
    """What a loaded model is and can do.

    Attributes:
        sample_rate_hz: Rate of the audio it makes.
        language: BCP 47.
        speakers: Names of its voices, in the order of their indices; at least one.
    """

    sample_rate_hz: int
    language: str
    speakers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prosody:
    """How a segment is spoken. None: as the model was trained.

    Attributes:
        speaker: Index of the speaker.
        speed: 1.0 is the model's own pace, 2.0 twice as fast.
        noise_scale: Variation of the sound.
        noise_w: Variation of the rhythm.
        seed: The same seed, text and prosody give the same audio.
    """

    speaker: int = 0
    speed: float = 1.0
    noise_scale: float | None = None
    noise_w: float | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class WordTime:
    """Code points [start, end) of the segment's text are heard from `start_s` to `end_s` of the segment."""

    start: int
    end: int
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """The first part of a segment: when its words are heard. Without words there is no audio either."""

    words: tuple[WordTime, ...]
    duration_s: float


Part = SegmentPlan | Pcm32f


def never() -> bool:
    """Nothing is in a hurry."""
    return False


class Voice(Protocol):
    """A loaded model. Every call is made on a worker thread, several at once."""

    @property
    def traits(self) -> VoiceTraits:
        """What the model is."""

    def speak(self, text: str, prosody: Prosody, hurry: Callable[[], bool] = never) -> Iterator[Part]:
        """A `SegmentPlan`, then the segment's audio: float32, mono, in order; an empty part is work that gave none yet.

        `text` is as written; the voice makes it speakable. `hurry` tells whether somebody waits for the first audio
        while nobody else is spoken to: then all cores may work on it, and little needs to be in hand behind it.
        Closing the iterator early gives up the rest.
        """


class Engine(Protocol):
    """An engine family."""

    @property
    def name(self) -> str:
        """As in the catalogue: `piper`."""

    @property
    def version(self) -> str:
        """Of the library that computes."""

    def load(self, directory: Path) -> Voice:
        """Load the model in `directory`; takes seconds. Raises `EngineError`."""
