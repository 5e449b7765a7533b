"""What is counted of conversations, from the events that their transport hears."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Histogram

from voicechat.conversation.port import (
    ConversationEvent,
    ConversationFailed,
    ReplyFinished,
    ReplyStatus,
    TurnCommitted,
    TurnMeasured,
)

STAGES = ("endpoint", "asr", "llm", "tts", "total")
INTERRUPTED = "turn_detected"
"""Why a reply was cancelled that the person spoke over."""

_DURATION_S = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0)
_MESSAGES = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
_BARGE_INS = (0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0)
_TURN_S = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0)


class ConversationMetrics:
    """What is counted of conversations, on one registry. `clock` is monotonic, in seconds."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
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
        for stage, taken_ms in turn.stages_ms.items():
            if (histogram := self._metrics.turn.get(stage)) is not None:
                histogram.observe(taken_ms / 1000, {"turn_id": turn.reply_id})
