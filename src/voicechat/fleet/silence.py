"""When a worker that says nothing is given up on."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from voicechat.audio.pcm import samples_to_ms
from voicechat.fleet.continuation import Progress
from voicechat.fleet.port import AudioChunk, Pace, SpeechEvent

SILENT_MS = 250.0
"""A worker in the middle of a segment that says nothing for this long..."""
BUFFERED_MS = 300.0
"""...while its listener has less than this left to hear, is left."""
BULK_SILENT_MS = 1000.0
"""Nobody listens along: it is asked whether it is alive."""

HOPELESS_MS = 5000.0
"""A worker that there is no other for is waited for this long, and then until it shows no sign of life."""


class Verdict(Enum):
    """What to make of a worker's silence."""

    FINE = auto()
    ASK = auto()
    """It may have nothing to say, or be at work on the beginning of something: a sign of life decides."""
    LEAVE = auto()


class Silence:
    """Judges the silence of the worker that speaks a reply.

    Args:
        progress: Of the reply.
        clock: Seconds, monotonic.
    """

    def __init__(self, progress: Progress, clock: Callable[[], float]) -> None:
        self._progress = progress
        self._clock = clock
        self._since = clock()
        self._first_audio_at: float | None = None
        self._played: int | None = None
        self._paused = False

    def heard(self, event: SpeechEvent | None = None) -> None:
        """The worker said something, or was given something new to say."""
        self._since = self._clock()
        if isinstance(event, AudioChunk) and self._first_audio_at is None:
            self._first_audio_at = self._since

    def played(self, samples: int) -> None:
        """The listener has heard this much."""
        self._played = samples

    def paused(self, is_paused: bool) -> None:
        """The flow is held, or goes on."""
        self._paused = is_paused
        self._since = self._clock()

    def verdict(self) -> Verdict:
        """As things are now."""
        if self._paused or not (self._progress.is_due or self._progress.is_silent_on_text):
            return Verdict.FINE
        silent_ms = self._silent_ms
        if self._progress.request.pace is Pace.BULK:
            return Verdict.ASK if silent_ms >= BULK_SILENT_MS else Verdict.FINE
        if silent_ms < SILENT_MS or self._buffered_ms() >= BUFFERED_MS:
            return Verdict.FINE
        return Verdict.LEAVE if self._progress.segment_has_audio else Verdict.ASK

    @property
    def is_hopeless(self) -> bool:
        """Whether the silence has lasted longer than anybody waits."""
        return self._silent_ms >= HOPELESS_MS

    @property
    def _silent_ms(self) -> float:
        return 1000 * (self._clock() - self._since)

    def _buffered_ms(self) -> float:
        if self._first_audio_at is None:
            return 0.0
        if self._played is not None:
            return self._progress.received_ms - samples_to_ms(self._played, self._progress.rate_hz)
        skipped_ms = self._progress.request.skip_ms
        return self._progress.received_ms - skipped_ms - 1000 * (self._clock() - self._first_audio_at)
