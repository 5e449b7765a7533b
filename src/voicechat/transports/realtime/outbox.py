"""What waits to be sent to one client: in order, and bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from pydantic import BaseModel

from voicechat.transports.realtime.protocol import encode

MAX_WAITING_CHARS = 4_000_000
"""About 60 s of audio as 24 kHz PCM; a client that is further behind is not listening."""


class SlowReaderError(Exception):
    """The client does not read what it is sent."""


class Outbox:
    """A queue of frames bounded by their size: `put` never waits."""

    def __init__(self, limit_chars: int = MAX_WAITING_CHARS) -> None:
        self._frames: deque[str] = deque()
        self._chars = 0
        self._limit_chars = limit_chars
        self._filled = asyncio.Event()
        self._sent = asyncio.Event()

    def put(self, event: BaseModel) -> None:
        """Queue an event. Raises `SlowReaderError` when too much waits."""
        frame = encode(event)
        if self._chars + len(frame) > self._limit_chars:
            raise SlowReaderError(f"more than {self._limit_chars} characters wait to be read")
        self._frames.append(frame)
        self._chars += len(frame)
        self._filled.set()

    async def send_each(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Send frames as they come, for ever. A frame leaves the queue once it is sent, so that `drain` misses none."""
        while True:
            while self._frames:
                frame = self._frames[0]
                await send(frame)
                self._frames.popleft()
                self._chars -= len(frame)
                self._sent.set()
            self._filled.clear()
            await self._filled.wait()

    async def room(self) -> None:
        """Return once at least half of the queue is free."""
        while self._chars > self._limit_chars // 2:
            self._sent.clear()
            await self._sent.wait()

    def drain(self) -> list[str]:
        """Everything that waits, at once."""
        frames = list(self._frames)
        self._frames.clear()
        self._chars = 0
        return frames
