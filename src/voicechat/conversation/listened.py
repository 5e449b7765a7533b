"""Conversations with a listener, who hears what their transport hears: to write turns down, or to count them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol, cast

from voicechat.conversation.items import Item
from voicechat.conversation.port import Conversation, ConversationConfig, ConversationEvent, ConversationFactory


class ConversationListener(Protocol):
    """Hears one conversation. Nothing it does may block."""

    def hear(self, event: ConversationEvent) -> None:
        """The next event, before the transport has it."""

    def typed(self, text: str) -> None:
        """The person wrote."""

    def leave(self) -> None:
        """The conversation is being ended: who cuts a reply from now on is not the person."""

    def end(self) -> None:
        """The conversation is over. May be said twice."""


class _Listened:
    """A conversation whose events pass by a listener; everything else is its own."""

    def __init__(self, conversation: Conversation, listener: ConversationListener) -> None:
        self._conversation = conversation
        self._listener = listener

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conversation, name)

    async def events(self) -> AsyncIterator[ConversationEvent]:
        async for event in self._conversation.events():
            self._listener.hear(event)
            yield event

    def add_text(self, role: str, text: str, item_id: str | None = None) -> str:
        added = self._conversation.add_text(cast(Any, role), text, item_id)
        if role == "user":
            self._listener.typed(text)
        return added

    async def aclose(self) -> None:
        self._listener.leave()
        try:
            await self._conversation.aclose()
        finally:
            self._listener.end()


class ListenedFactory:
    """A `ConversationFactory` that gives each conversation of another a listener.

    Args:
        factory: The other.
        make_listener: Called for each conversation.
    """

    def __init__(self, factory: ConversationFactory, make_listener: Callable[[], ConversationListener]) -> None:
        self._factory = factory
        self._make_listener = make_listener

    def default_config(self) -> ConversationConfig:
        """What a client that chooses nothing gets."""
        return self._factory.default_config()

    async def open(self, config: ConversationConfig, past: Sequence[Item] = ()) -> Conversation:
        """Start a conversation, or go on with one whose items are `past`."""
        return cast(Conversation, _Listened(await self._factory.open(config, past), self._make_listener()))

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
