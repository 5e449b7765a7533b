"""Time as the conversation meets it, so that tests can bring their own."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Two readings of time and one way to wait."""

    def now(self) -> float:
        """Seconds that never jump."""

    def wall(self) -> float:
        """Seconds since the epoch."""

    async def sleep_until(self, deadline: float) -> None:
        """Return at `deadline` on the `now` scale, at once when it has passed."""


class LoopClock:
    """The event loop's own time."""

    def now(self) -> float:
        """Seconds that never jump."""
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    async def sleep_until(self, deadline: float) -> None:
        """Return at `deadline`, at once when it has passed."""
        await asyncio.sleep(max(0.0, deadline - self.now()))
