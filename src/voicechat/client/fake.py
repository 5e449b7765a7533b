"""A server that is not there: a socket that says what a test lets it say, and keeps what it is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any


class FakeSocket:
    """The far end of a Realtime connection."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.sent_at_s: list[float] = []
        self._incoming: asyncio.Queue[str | None] = asyncio.Queue()

    def tell(self, event_type: str, **fields: Any) -> None:
        """Let the client receive an event."""
        self._incoming.put_nowait(json.dumps({"type": event_type, **fields}))

    def hang_up(self) -> None:
        """Close the connection in good order."""
        self._incoming.put_nowait(None)

    def sent_of(self, event_type: str) -> list[dict[str, Any]]:
        """What the client sent of one type."""
        return [event for event in self.sent if event["type"] == event_type]

    async def close(self) -> None:
        """Be closed by the client."""
        self.hang_up()

    async def send(self, message: str) -> None:
        """Keep what the client sends."""
        self.sent.append(json.loads(message))
        self.sent_at_s.append(asyncio.get_running_loop().time())

    async def __aiter__(self) -> AsyncIterator[str]:
        while (message := await self._incoming.get()) is not None:
            yield message
