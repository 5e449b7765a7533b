"""The items of a conversation as the client has seen them."""

from __future__ import annotations

from collections import OrderedDict

from voicechat.transports.realtime.protocol import Wire

MAX_ITEMS = 2000
"""Items that can still be retrieved; the oldest are forgotten first."""


class ItemLedger:
    """Remembers what was announced, to answer `conversation.item.retrieve` and to name the previous item."""

    def __init__(self, limit: int = MAX_ITEMS) -> None:
        self._items: OrderedDict[str, Wire] = OrderedDict()
        self._limit = limit

    @property
    def last_id(self) -> str | None:
        """The newest item."""
        return next(reversed(self._items), None)

    def put(self, item: Wire) -> None:
        """Add an item, or bring a known one up to date."""
        self._items[item["id"]] = item
        if len(self._items) > self._limit:
            self._items.popitem(last=False)

    def get(self, item_id: str) -> Wire | None:
        """The item, if it is remembered."""
        return self._items.get(item_id)

    def drop(self, item_id: str) -> None:
        """Forget an item."""
        self._items.pop(item_id, None)

    def set_words(self, item_id: str, text: str) -> None:
        """Bring the transcript of a spoken item up to date."""
        item = self._items.get(item_id)
        if item is None or not item.get("content"):
            return
        part = item["content"][0]
        key = "transcript" if "transcript" in part else "text"
        self._items[item_id] = {**item, "content": [{**part, key: text}, *item["content"][1:]]}
