"""The turns of a conversation, written down as its transport hears of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from voicechat.conversation.items import new_id
from voicechat.conversation.port import ConversationEvent, ReplyFinished, TurnDiscarded, TurnMeasured, UserTranscript

UNANSWERED = "unanswered"


class TurnSink(Protocol):
    """Takes what was said."""

    def write(self, turn: Mapping[str, Any]) -> None:
        """Keep a turn; must not block."""


@dataclass(slots=True)
class TurnWriter:
    """Puts the events of one conversation together into turns: the person's words, and the reply to them as heard.

    A `ConversationListener`.
    """

    sink: TurnSink
    conversation: str = field(default_factory=lambda: new_id("conv"))
    _number: int = 0
    _said: dict[str, str] = field(default_factory=dict)
    _stages_ms: dict[str, Mapping[str, float]] = field(default_factory=dict)

    def typed(self, text: str) -> None:
        """The person wrote."""
        self._said[new_id("typed")] = text

    def hear(self, event: ConversationEvent) -> None:
        """Take the next event."""
        match event:
            case UserTranscript(item_id, text, is_final=True):
                self._said[item_id] = text
            case TurnDiscarded(item_id):
                self._said.pop(item_id, None)
            case TurnMeasured(reply_id, stages_ms):
                self._stages_ms[reply_id] = stages_ms
            case ReplyFinished():
                self._finish(event)

    def leave(self) -> None:
        """The conversation is being ended; what was said stays as it is."""

    def end(self) -> None:
        """The conversation is over; words that nobody answered are a turn as well."""
        if any(self._said.values()):
            self._write(status=UNANSWERED, assistant="", audio_ms=0, latency_ms={})

    def _finish(self, reply: ReplyFinished) -> None:
        stages_ms = self._stages_ms.pop(reply.reply_id, {})
        self._write(
            status=reply.status.value,
            assistant=reply.text,
            audio_ms=reply.audio_ms,
            latency_ms={stage: round(value) for stage, value in stages_ms.items()},
        )

    def _write(self, **reply: Any) -> None:
        self._number += 1
        user = " ".join(text for text in self._said.values() if text)
        self._said.clear()
        self.sink.write({"conversation": self.conversation, "turn": self._number, "user": user, **reply})
