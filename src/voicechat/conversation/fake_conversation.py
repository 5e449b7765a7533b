"""A conversation whose every event is scripted, for testing transports without models."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from voicechat.conversation.items import Item
from voicechat.conversation.port import (
    REPLYING,
    CommandRefused,
    ConversationConfig,
    ConversationEvent,
    ConversationState,
    HistoryItem,
    ReplyOptions,
    TurnDetection,
)

DEFAULT_CONFIG = ConversationConfig(
    instructions="You are a test.",
    voice="piper-en-us-joe-medium",
    turn_detection=TurnDetection(threshold=0.5, prefix_padding_ms=300, silence_duration_ms=500),
)

Reaction = Callable[["FakeConversation", tuple[Any, ...]], None]
"""What a conversation does when it gets a command: given itself and the command's arguments."""


class FakeConversation:
    """Records commands, emits what it is told to, and refuses what it is told to refuse.

    `reactions` maps the name of a command to what follows it; `refusals` maps it to the error it raises.
    """

    def __init__(self, config: ConversationConfig = DEFAULT_CONFIG) -> None:
        self.config = config
        self.commands: list[tuple[Any, ...]] = []
        self.reactions: dict[str, Reaction] = {}
        self.refusals: dict[str, CommandRefused] = {}
        self.items: list[HistoryItem] = []
        self.pushed_samples = 0
        self.past: Sequence[Item] = ()
        self.closed = False
        self.doing = ConversationState.LISTENING
        self._events: asyncio.Queue[ConversationEvent | None] = asyncio.Queue()
        self._numbers = itertools.count(1)

    @property
    def state(self) -> ConversationState:
        """What it was set to do, until closed."""
        return ConversationState.TERMINATED if self.closed else self.doing

    @property
    def history(self) -> Sequence[HistoryItem]:
        """What was added."""
        return self.items

    async def events(self) -> AsyncIterator[ConversationEvent]:
        """What was emitted, until `aclose`."""
        while (event := await self._events.get()) is not None:
            yield event

    def emit(self, *events: ConversationEvent) -> None:
        """Let these events happen."""
        for event in events:
            self._events.put_nowait(event)

    def named(self, command: str) -> list[tuple[Any, ...]]:
        """The arguments of every such command, in order."""
        return [entry[1:] for entry in self.commands if entry[0] == command]

    def push_audio(self, pcm: npt.NDArray[np.int16], sample_rate_hz: int) -> None:
        """Count samples."""
        self.pushed_samples += int(pcm.size)
        self._record("push_audio", pcm, sample_rate_hz)

    def commit_turn(self) -> None:
        """Record."""
        self._record("commit_turn")

    def clear_turn(self) -> None:
        """Record."""
        self._record("clear_turn")

    def create_reply(self, options: ReplyOptions | None = None) -> None:
        """Record."""
        self._record("create_reply", options)

    def cancel_reply(self) -> None:
        """Record."""
        self._record("cancel_reply")

    def add_text(self, role: Literal["user", "assistant", "system"], text: str, item_id: str | None = None) -> str:
        """Record, and remember the item."""
        return self._add(HistoryItem(item_id or self._new_id(), role, text), "add_text", role, text, item_id)

    def add_tool_output(self, call_id: str, output: str, item_id: str | None = None) -> str:
        """Record, and remember the item."""
        item = HistoryItem(item_id or self._new_id(), "tool", output)
        return self._add(item, "add_tool_output", call_id, output, item_id)

    def delete_item(self, item_id: str) -> None:
        """Forget an item."""
        if all(item.id != item_id for item in self.items):
            raise CommandRefused("item_not_found", f"there is no item {item_id!r}")
        self._record("delete_item", item_id)
        self.items = [item for item in self.items if item.id != item_id]

    def truncate(self, item_id: str, audio_end_ms: int) -> None:
        """Record."""
        self._record("truncate", item_id, audio_end_ms)

    def played(self, item_id: str, audio_end_ms: int) -> None:
        """Record."""
        self._record("played", item_id, audio_end_ms)

    def configure(self, config: ConversationConfig) -> None:
        """Record, and take."""
        self._record("configure", config)
        self.config = config

    async def aclose(self) -> None:
        """End the events."""
        self.closed = True
        self._events.put_nowait(None)

    def _add(self, item: HistoryItem, *command: Any) -> str:
        self._record(*command)
        self.items.append(item)
        return item.id

    def _new_id(self) -> str:
        return f"item_{next(self._numbers)}"

    def _record(self, name: str, *arguments: Any) -> None:
        if refusal := self.refusals.get(name):
            raise refusal
        self.commands.append((name, *arguments))
        if reaction := self.reactions.get(name):
            reaction(self, arguments)


class FakeFactory:
    """Opens fake conversations, at most `capacity` at once; `prepare` sees each before it is used."""

    def __init__(
        self,
        capacity: int = 8,
        config: ConversationConfig = DEFAULT_CONFIG,
        prepare: Callable[[FakeConversation], None] = lambda _: None,
    ) -> None:
        self.opened: list[FakeConversation] = []
        self._capacity = capacity
        self._config = config
        self._prepare = prepare

    def default_config(self) -> ConversationConfig:
        """The configuration it was made with."""
        return self._config

    async def open(self, config: ConversationConfig, past: Sequence[Item] = ()) -> FakeConversation:
        """Open one more. Raises `CommandRefused` at capacity."""
        if self.active >= self._capacity:
            raise CommandRefused(
                "capacity_exceeded", f"{self._capacity} conversations are held already; try again later"
            )
        conversation = FakeConversation(config)
        conversation.past = past
        self._prepare(conversation)
        self.opened.append(conversation)
        return conversation

    @property
    def active(self) -> int:
        """Conversations opened and not closed."""
        return sum(not conversation.closed for conversation in self.opened)

    @property
    def replying(self) -> int:
        """Conversations in which a reply is not over."""
        return sum(conversation.state in REPLYING for conversation in self.opened if not conversation.closed)

    @property
    def load(self) -> float:
        """The share of places that is taken."""
        return self.active / self._capacity
