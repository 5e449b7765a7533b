"""The voice as a conversation meets it: replies are opened on a fleet, fed with text, and heard as events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from voicechat.fleet.record import WorkerRecord
from voicechat.observability.traces import TraceContext


class Pace(StrEnum):
    """How the worker spends itself on a reply."""

    REALTIME = "realtime"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """How a reply is to be spoken. Unset values are the model's own.

    `session` names the conversation, whose replies go to one worker where that is possible. `first_segment` is 0 but
    for a reply that goes on where another worker broke off: then the text begins with the segment of that index.
    `trace` is where the spans of it belong; None: nobody traces it.
    """

    model_id: str = ""
    voice: str = ""
    speaker: int | None = None
    language: str = ""
    speed: float | None = None
    noise_scale: float | None = None
    noise_w: float | None = None
    sentence_silence_ms: int | None = None
    seed: int | None = None
    sample_rate_hz: int = 24_000
    pace: Pace = Pace.REALTIME
    skip_ms: int = 0
    request_id: str = ""
    session: str = ""
    first_segment: int = 0
    trace: TraceContext | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The worker has taken the reply."""

    model_id: str
    sample_rate_hz: int
    seed: int
    queue_ms: float


@dataclass(frozen=True, slots=True)
class SegmentStarted:
    """A stretch of the text, code points [char_start, char_end) of what was sent, is being spoken.

    `ends_sentence`: a pause follows it, unless nothing does.
    """

    index: int
    text: str
    char_start: int
    char_end: int
    ends_sentence: bool = False


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word as it was written, with the time at which it is heard on the reply's clock."""

    text: str
    char_start: int
    char_end: int
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class WordsTimed:
    """Word times; always before the audio that they cover."""

    words: tuple[SpokenWord, ...]


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """PCM, int16 mono, whose first sample is number `offset_samples` of the reply."""

    pcm: npt.NDArray[np.int16]
    offset_samples: int


@dataclass(frozen=True, slots=True)
class SegmentFinished:
    """All audio of a segment has been sent."""

    index: int


@dataclass(frozen=True, slots=True)
class SpeechDone:
    """The last event of a reply."""

    audio_ms: float
    synthesis_ms: float
    stopped: bool


SpeechEvent = Started | SegmentStarted | WordsTimed | AudioChunk | SegmentFinished | SpeechDone


@dataclass(frozen=True, slots=True)
class VoiceModel:
    """A voice that some worker can speak with."""

    id: str
    engine: str
    languages: tuple[str, ...]
    voices: tuple[str, ...]
    sample_rate_hz: int
    licence: str
    installed: bool
    resident: bool


class VoiceError(Exception):
    """A reply could not be spoken.

    `code` is the gRPC status name (`INVALID_ARGUMENT`, `NOT_FOUND`, `RESOURCE_EXHAUSTED`, `FAILED_PRECONDITION`,
    `UNAVAILABLE`, `DEADLINE_EXCEEDED`, `INTERNAL`); the text says what to do. `retry_after_s` is the worker's hint.
    """

    def __init__(self, code: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_s = retry_after_s


class SpeechStream(Protocol):
    """One reply on its way: text goes in as it is written, events come out in order, `SpeechDone` last.

    Iterating raises `VoiceError`. Text waits (bounded) when the worker does not keep up.
    """

    async def push_text(self, text: str) -> None:
        """Send more of the reply's text, exactly as written."""

    async def flush(self) -> None:
        """Speak what has been sent, without waiting for the end of its sentence."""

    async def end(self) -> None:
        """Say that no more text comes."""

    async def played(self, samples: int) -> None:
        """Report how many of the reply's samples the listener has heard."""

    async def pause(self) -> None:
        """Stop the flow of audio at once, keeping the reply hot."""

    async def resume(self) -> None:
        """Go on after `pause` without loss or repeat."""

    async def stop(self) -> None:
        """End the reply early; `SpeechDone(stopped=True)` follows."""

    def __aiter__(self) -> AsyncIterator[SpeechEvent]:
        """Events in order."""


class VoiceFleet(Protocol):
    """Every worker that can speak; safe to share between conversations."""

    def speak(self, request: SpeechRequest) -> AbstractAsyncContextManager[SpeechStream]:
        """Open a reply, once a worker has taken it; `VoiceError` when none does.

        Leaving the context cancels what is unfinished.
        """

    async def models(self) -> Sequence[VoiceModel]:
        """The voices that reachable workers know. Raises `VoiceError`."""

    @property
    def capacity(self) -> int | None:
        """Replies to listeners that the workers can speak at once, as they measure it; None where they do not say."""

    async def workers(self) -> Sequence[WorkerRecord]:
        """Who speaks, by name, and how busy they are. Raises `VoiceError` where the only one does not answer."""

    async def check(self) -> None:
        """Raise `VoiceError` unless a worker can speak now."""

    async def aclose(self) -> None:
        """Release every channel."""
