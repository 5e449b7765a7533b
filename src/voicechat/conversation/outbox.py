"""Events on their way to the transport: in order, once, and bounded by the patience for a slow reader."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from voicechat.conversation.clock import Clock
from voicechat.conversation.port import ConversationEvent

PATIENCE_S = 30.0
MAX_EVENTS = 8192
"""More than 30 s of audio frames and the text beside them."""


class Outbox:
    """A queue that calls `on_overflow`, once, when its reader falls too far behind."""

    def __init__(self, clock: Clock, on_overflow: Callable[[], None]) -> None:
        self._clock = clock
        self._on_overflow = on_overflow
        self._events: deque[tuple[float, ConversationEvent]] = deque()
        self._changed = asyncio.Event()
        self._closed = False
        self._overflowed = False
        self._read = False

    def put(self, event: ConversationEvent) -> None:
        """Add an event; after the end it is dropped."""
        if self._closed or self._overflowed:
            return
        if self._events and (len(self._events) >= MAX_EVENTS or self._age_s() > PATIENCE_S):
            self._overflowed = True
            self._on_overflow()
            return
        self._events.append((self._clock.now(), event))
        self._changed.set()

    def close(self, last: ConversationEvent | None = None) -> None:
        """The reader gets what is queued, then `last`, then the end."""
        if self._closed:
            return
        if last is not None:
            self._events.append((self._clock.now(), last))
        self._closed = True
        self._changed.set()

    async def read(self) -> AsyncIterator[ConversationEvent]:
        """Events in order. Raises `RuntimeError` when they are read a second time."""
        if self._read:
            raise RuntimeError("the events of a conversation can be read once")
        self._read = True
        while True:
            while self._events:
                yield self._events.popleft()[1]
            if self._closed:
                return
            self._changed.clear()
            await self._changed.wait()

    def _age_s(self) -> float:
        return self._clock.now() - self._events[0][0]
