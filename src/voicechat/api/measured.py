"""What is counted of conversations, from the events that their transport hears."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Histogram

from voicechat.conversation.port import (
    ConversationEvent,
    ConversationFailed,
    ReplyFinished,
    ReplyStatus,
    TurnCommitted,
    TurnMeasured,
)
from voicechat.observability.sla import BARGE_IN_S, Sla

STAGES = ("endpoint", "asr", "llm", "tts", "total")
INTERRUPTED = "turn_detected"
"""Why a reply was cancelled that the person spoke over."""

_DURATION_S = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0)
_MESSAGES = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
_BARGE_INS = (0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0)
_BARGE_IN_S = (0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.25, 0.5, 1.0)
"""Finer up to 0.05 s, the objective."""
_LATE_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0)
_TURN_S = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0)


class ConversationMetrics:
    """What is counted of conversations, on one registry. A `Meter`, too.

    Args:
        registry: Where it is shown.
        sla: Judges barge-ins.
        clock: Monotonic, in seconds.
    """

    def __init__(self, registry: CollectorRegistry, sla: Sla, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.sla = sla
        self._barge_in_objective = sla.objective("barge_in", BARGE_IN_S)
        self.duration = Histogram(
            "session_duration_seconds", "How long conversations last", buckets=_DURATION_S, registry=registry
        )
        self.messages = Histogram(
            "session_messages",
            "Turns of the person and replies, a conversation",
            buckets=_MESSAGES,
            registry=registry,
        )
        self.barge_ins = Histogram(
            "session_barge_ins", "Replies spoken over, a conversation", buckets=_BARGE_INS, registry=registry
        )
        turn = Histogram(
            "voicechat_turn_latency_seconds",
            "From the end of speech to the first audio of the reply, and the stages of it",
            ["stage"],
            buckets=_TURN_S,
            registry=registry,
        )
        self.turn = {stage: turn.labels(stage) for stage in STAGES}
        barge_in = Histogram(
            "barge_in_latency_seconds",
            "From the voice activity decision to the last sample sent at full level (duck) or audible at all (stop)",
            ["stage"],
            buckets=_BARGE_IN_S,
            registry=registry,
        )
        self._duck, self._stop = barge_in.labels("duck"), barge_in.labels("stop")
        self._underruns = Counter(
            "voicechat_playout_underruns", "Times that a listener ran dry in a reply", registry=registry
        )
        self._tick = Histogram(
            "voicechat_tick_lateness_seconds",
            "How late the 20 ms ticks of playout come, while replies are spoken",
            buckets=_LATE_S,
            registry=registry,
        )
        self._loop = Histogram(
            "voicechat_loop_lateness_seconds",
            "How late the event loop comes back, looked at every 50 ms",
            buckets=_LATE_S,
            registry=registry,
        )

    # --- as a meter

    def ticked(self, late_s: float) -> None:
        """A tick of a playout came so late."""
        self._tick.observe(late_s)

    def looped(self, late_s: float) -> None:
        """The event loop came back so late."""
        self._loop.observe(late_s)

    def ran_dry(self) -> None:
        """A listener ran dry."""
        self._underruns.inc()

    def ducked(self, after_s: float) -> None:
        """A reply that somebody speaks over became quieter."""
        self._duck.observe(after_s)

    def silenced(self, after_s: float) -> None:
        """A reply that somebody speaks over fell silent: the promise is about this."""
        self._stop.observe(after_s)
        self._barge_in_objective.took(after_s)


class SessionWatch:
    """Counts one conversation, from its making to `end`. A `ConversationListener`."""

    def __init__(self, metrics: ConversationMetrics) -> None:
        self._metrics = metrics
        self._began_s = metrics.clock()
        self._messages = 0
        self._barge_ins = 0
        self._leaving = False
        self._ended = False

    def hear(self, event: ConversationEvent) -> None:
        """Take the next event."""
        match event:
            case TurnCommitted():
                self._messages += 1
            case TurnMeasured():
                self._measure(event)
            case ReplyFinished(status=status, reason=reason):
                self._messages += 1
                spoken_over = status is ReplyStatus.CANCELLED and reason == INTERRUPTED
                self._barge_ins += spoken_over and not self._leaving
            case ConversationFailed(fatal=True):
                self.leave()

    def typed(self, text: str) -> None:
        """The person wrote."""
        self._messages += 1

    def leave(self) -> None:
        """The conversation is being ended: who cuts a reply from now on is not the person."""
        self._leaving = True

    def end(self) -> None:
        """The conversation is over; said twice, it counts once."""
        if self._ended:
            return
        self._ended = True
        self._metrics.duration.observe(self._metrics.clock() - self._began_s)
        self._metrics.messages.observe(self._messages)
        self._metrics.barge_ins.observe(self._barge_ins)

    def _measure(self, turn: TurnMeasured) -> None:
        exemplar = {"turn_id": turn.reply_id}
        if turn.trace_id is not None:
            exemplar["trace_id"] = turn.trace_id
        for stage, taken_ms in turn.stages_ms.items():
            if (histogram := self._metrics.turn.get(stage)) is not None:
                histogram.observe(taken_ms / 1000, exemplar)
