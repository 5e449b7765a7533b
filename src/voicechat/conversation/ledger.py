"""The conversation's items in order: the one truth that the client, the history and the mind's context come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from livekit.agents.llm import ChatContext, ChatItem, ChatMessage, FunctionCall, FunctionCallOutput

from voicechat.conversation.items import Item, Message, ToolCall, ToolOutput
from voicechat.conversation.port import CommandRefused, HistoryItem

MAX_ITEMS = 1000
"""The oldest item goes when one more would pass this; the mind is told far less anyway."""

MAX_CHARS = 1_000_000
"""All items together, as long as there is more than one; the oldest go first."""


class Ledger:
    """Items by id, in the order they came. Commands that name nothing raise `CommandRefused`."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}

    @property
    def last_id(self) -> str | None:
        """The newest item."""
        return next(reversed(self._items), None)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items

    def add(self, item: Item) -> str | None:
        """Add at the end; returns the id of the item before it."""
        if item.id in self._items:
            raise CommandRefused("item_already_exists", f"an item '{item.id}' exists already; leave the id out")
        previous = self.last_id
        self._items[item.id] = item
        chars = sum(map(_chars, self._items.values()))
        while len(self._items) > 1 and (len(self._items) > MAX_ITEMS or chars > MAX_CHARS):
            chars -= _chars(self._items.pop(next(iter(self._items))))
        return previous

    def set_text(self, item_id: str, text: str) -> None:
        """Change what a message says; one that was deleted stays so."""
        item = self._items.get(item_id)
        if isinstance(item, Message):
            self._items[item_id] = replace(item, text=text)

    def remove(self, item_id: str) -> None:
        """Remove an item."""
        item = self._items.pop(item_id, None)
        if item is None:
            raise CommandRefused("item_not_found", f"there is no item '{item_id}' in this conversation")

    def call(self, call_id: str) -> ToolCall:
        """The call that an output answers."""
        for item in reversed(self._items.values()):
            if isinstance(item, ToolCall) and item.call_id == call_id:
                return item
        raise CommandRefused("tool_call_not_found", f"no function was called as '{call_id}' in this conversation")

    def history(self) -> Sequence[HistoryItem]:
        """What was said, as the client may see it."""
        return [seen for item in self._items.values() if (seen := _seen(item)) is not None]

    def context(self, instructions: str, pending: str | None = None) -> ChatContext:
        """What the mind is told, with the person's words that are not yet a turn."""
        answered = {item.call_id for item in self._items.values() if isinstance(item, ToolOutput)}
        called = {item.call_id for item in self._items.values() if isinstance(item, ToolCall)}
        told = [_told(item) for item in self._items.values() if _is_whole(item, answered & called)]
        first = [ChatMessage(role="system", content=[instructions])] if instructions else []
        last = [ChatMessage(role="user", content=[pending])] if pending else []
        return ChatContext([*first, *told, *last])


def _chars(item: Item) -> int:
    if isinstance(item, Message):
        return len(item.text)
    return len(item.arguments if isinstance(item, ToolCall) else item.output)


def _is_whole(item: Item, paired: set[str]) -> bool:
    """Servers refuse calls without outputs, outputs without calls, and some refuse empty messages."""
    if isinstance(item, Message):
        return bool(item.text.strip())
    return item.call_id in paired


def _told(item: Item) -> ChatItem:
    if isinstance(item, Message):
        return ChatMessage(id=item.id, role=item.role, content=[item.text])
    if isinstance(item, ToolCall):
        return FunctionCall(id=item.id, call_id=item.call_id, name=item.name, arguments=item.arguments)
    return FunctionCallOutput(id=item.id, call_id=item.call_id, output=item.output, is_error=False)


def _seen(item: Item) -> HistoryItem | None:
    if isinstance(item, Message):
        return HistoryItem(item.id, item.role, item.text) if item.text.strip() else None
    if isinstance(item, ToolOutput):
        return HistoryItem(item.id, "tool", item.output)
    return None
