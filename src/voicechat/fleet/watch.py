"""One reply as it is measured: how soon it was heard, how fast it was made, and whether that kept the promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import Counter, Histogram

from voicechat.fleet.port import AudioChunk, SegmentStarted, SpeechDone, SpeechEvent, VoiceError
from voicechat.observability.sla import Objective

CALLERS_FAULT = frozenset({"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"})
"""Answers to what could not be spoken by anybody: no promise was broken. To refuse for want of room is to fail."""


@dataclass(frozen=True, slots=True)
class ReplyMeters:
    """Where a reply's figures go.

    Attributes:
        latency: From the first segment to the first audio, s.
        first_audio: From the first text to the first audio, s.
        factor: Time of synthesis by time of audio.
        failovers: By reason.
        objective: On `latency`.
    """

    latency: Histogram
    first_audio: Histogram
    factor: Histogram
    failovers: Counter
    objective: Objective


class ReplyWatch:
    """Watches one reply. `clock`: seconds, monotonic."""

    def __init__(self, meters: ReplyMeters, clock: Callable[[], float]) -> None:
        self._meters = meters
        self._clock = clock
        self._texted_s: float | None = None
        self._began_s: float | None = None
        self._latency_s: float | None = None
        self._moved = False

    def texted(self) -> None:
        """Text was sent."""
        if self._texted_s is None:
            self._texted_s = self._clock()

    def note(self, event: SpeechEvent) -> None:
        """An event of the reply."""
        if isinstance(event, SegmentStarted) and self._began_s is None:
            self._began_s = self._clock()
        elif isinstance(event, AudioChunk) and self._latency_s is None and self._began_s is not None:
            self._first_audio(self._began_s)
        elif isinstance(event, SpeechDone):
            self._done(event)

    def failed_over(self, error: VoiceError) -> None:
        """It goes on on another worker."""
        self._moved = True
        self._meters.failovers.labels(error.code.lower()).inc()

    def over(self, error: VoiceError | None = None) -> None:
        """It has ended, with `error` or without: judge it, once. One that was left before it was due is not judged."""
        if error is not None:
            if error.code not in CALLERS_FAULT:
                self._meters.objective.failed()
        elif self._latency_s is not None:
            self._meters.objective.took(self._latency_s)
        elif self._began_s is not None and self._clock() - self._began_s > self._meters.objective.seconds:
            self._meters.objective.failed()

    def _first_audio(self, began_s: float) -> None:
        now_s = self._clock()
        self._latency_s = now_s - began_s
        self._meters.latency.observe(self._latency_s)
        if self._texted_s is not None:
            self._meters.first_audio.observe(now_s - self._texted_s)

    def _done(self, done: SpeechDone) -> None:
        """Of a reply that was stopped, more was made than was heard; of one that moved, only the last part is known."""
        if not self._moved and not done.stopped and done.audio_ms > 0:
            self._meters.factor.observe(done.synthesis_ms / done.audio_ms)
