"""The items of a conversation as the client has seen them."""

from __future__ import annotations

from collections import OrderedDict

from voicechat.transports.realtime.protocol import Wire

MAX_ITEMS = 2000
"""Items that can still be retrieved; the oldest are forgotten first."""
MAX_CHARS = 1_000_000
"""Text of all of them together."""


class ItemLedger:
    """Remembers what was announced, to answer `conversation.item.retrieve` and to name the previous item."""

    def __init__(self, limit: int = MAX_ITEMS) -> None:
        self._items: OrderedDict[str, Wire] = OrderedDict()
        self._limit = limit
        self._chars = 0

    @property
    def last_id(self) -> str | None:
        """The newest item."""
        return next(reversed(self._items), None)

    def all(self) -> list[Wire]:
        """Every item, in order."""
        return list(self._items.values())

    def put(self, item: Wire) -> None:
        """Add an item, or bring a known one up to date."""
        self._chars += _chars(item) - _chars(self._items.get(item["id"], {}))
        self._items[item["id"]] = item
        while len(self._items) > 1 and (len(self._items) > self._limit or self._chars > MAX_CHARS):
            _, oldest = self._items.popitem(last=False)
            self._chars -= _chars(oldest)

    def get(self, item_id: str) -> Wire | None:
        """The item, if it is remembered."""
        return self._items.get(item_id)

    def drop(self, item_id: str) -> None:
        """Forget an item."""
        self._chars -= _chars(self._items.pop(item_id, {}))

    def set_words(self, item_id: str, text: str) -> None:
        """Bring the transcript of a spoken item up to date."""
        item = self._items.get(item_id)
        if item is None or not item.get("content"):
            return
        part = item["content"][0]
        key = "transcript" if "transcript" in part else "text"
        self.put({**item, "content": [{**part, key: text}, *item["content"][1:]]})


def _chars(item: Wire) -> int:
    parts = item.get("content") or ()
    said = sum(len(part.get("text") or part.get("transcript") or "") for part in parts)
    return said + len(item.get("output") or "") + len(item.get("arguments") or "")
