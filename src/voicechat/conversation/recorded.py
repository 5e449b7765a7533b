"""Conversations whose turns are written down as their transport hears of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from voicechat.conversation.items import Item, new_id
from voicechat.conversation.port import (
    Conversation,
    ConversationConfig,
    ConversationEvent,
    ConversationFactory,
    ReplyFinished,
    TurnDiscarded,
    TurnMeasured,
    UserTranscript,
)

UNANSWERED = "unanswered"


class TurnSink(Protocol):
    """Takes what was said."""

    def write(self, turn: Mapping[str, Any]) -> None:
        """Keep a turn; must not block."""


@dataclass(slots=True)
class TurnWriter:
    """Puts the events of one conversation together into turns: the person's words, and the reply to them as heard."""

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


class _Recorded:
    """A conversation whose events pass through a `TurnWriter`; everything else is its own."""

    def __init__(self, conversation: Conversation, writer: TurnWriter) -> None:
        self._conversation = conversation
        self._writer = writer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conversation, name)

    async def events(self) -> AsyncIterator[ConversationEvent]:
        async for event in self._conversation.events():
            self._writer.hear(event)
            yield event

    def add_text(self, role: str, text: str, item_id: str | None = None) -> str:
        added = self._conversation.add_text(cast(Any, role), text, item_id)
        if role == "user":
            self._writer.typed(text)
        return added

    async def aclose(self) -> None:
        await self._conversation.aclose()
        self._writer.end()


class RecordedFactory:
    """A `ConversationFactory` that writes the turns of its conversations to `sink`."""

    def __init__(self, factory: ConversationFactory, sink: TurnSink) -> None:
        self._factory = factory
        self._sink = sink

    def default_config(self) -> ConversationConfig:
        """What a client that chooses nothing gets."""
        return self._factory.default_config()

    async def open(self, config: ConversationConfig, past: Sequence[Item] = ()) -> Conversation:
        """Start a conversation, or go on with one."""
        return cast(Conversation, _Recorded(await self._factory.open(config, past), TurnWriter(self._sink)))

    @property
    def active(self) -> int:
        """Conversations held now."""
        return self._factory.active

    @property
    def replying(self) -> int:
        """Conversations in which a reply is not over."""
        return self._factory.replying

    @property
    def load(self) -> float:
        """How busy the process is."""
        return self._factory.load
