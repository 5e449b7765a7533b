"""A line for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

from voicechat.audio.pcm import Pcm16
from voicechat.bench.calls.line import TimedSignal


class SilentLine:
    """Nobody is there."""

    async def send(self, pcm: Pcm16) -> None:
        """Into the void."""

    async def signals(self) -> AsyncIterator[TimedSignal]:
        """None."""
        return
        yield

    async def played(self, item_id: str, position_ms: int) -> None:
        """Nobody wants to know."""

    async def hush(self) -> None:
        """Nobody speaks."""

    async def history(self, item_id: str) -> str | None:
        """Nobody remembers."""
        return None
