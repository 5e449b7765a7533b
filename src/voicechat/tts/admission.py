"""How many replies are spoken at once, and how many may wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from voicechat.tts.refusal import exhausted
from voicechat.tts.scheduler import Pace

_TYPICAL_REPLY_MS = 4000


class Admission:
    """Places for replies: `capacity` of each pace, and one bounded queue, first come first served.

    Args:
        capacity: Replies of one pace at once.
        max_queue: Replies that may wait.
        max_wait_s: How long one may wait.
    """

    def __init__(self, capacity: int, max_queue: int, max_wait_s: float) -> None:
        self._capacity = capacity
        self._max_queue = max_queue
        self._max_wait_s = max_wait_s
        self._active = dict.fromkeys(Pace, 0)
        self._queues: dict[Pace, deque[asyncio.Future[None]]] = {pace: deque() for pace in Pace}

    @property
    def active(self) -> int:
        """Replies being spoken."""
        return sum(self._active.values())

    @property
    def queued(self) -> int:
        """Replies that wait."""
        return sum(len(queue) for queue in self._queues.values())

    @asynccontextmanager
    async def place(self, pace: Pace) -> AsyncIterator[None]:
        """Hold a place. Raises `Refusal` (RESOURCE_EXHAUSTED) when the queue is full or the wait too long."""
        await self._enter(pace)
        try:
            yield
        finally:
            self._leave(pace)

    async def _enter(self, pace: Pace) -> None:
        if self._active[pace] < self._capacity and not self._queues[pace]:
            self._active[pace] += 1
            return
        if self.queued >= self._max_queue:
            raise self._full(pace)
        await self._wait(pace)

    async def _wait(self, pace: Pace) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues[pace].append(turn)
        try:
            async with asyncio.timeout(self._max_wait_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._leave(pace)
            else:
                self._queues[pace].remove(turn)
            if isinstance(error, TimeoutError):
                raise self._full(pace) from error
            raise

    def _leave(self, pace: Pace) -> None:
        """Give the place to whoever has waited longest."""
        queue = self._queues[pace]
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._active[pace] -= 1

    def _full(self, pace: Pace) -> Exception:
        waiting = self.queued
        return exhausted(
            f"all {self._capacity} {pace.name} places are taken and {waiting} replies wait; retry later, or raise "
            "worker.capacity or worker.max_queue",
            retry_after_ms=round(_TYPICAL_REPLY_MS * (waiting + 1) / self._capacity),
        )
