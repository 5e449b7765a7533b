"""How many replies are spoken at once, and how many may wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from voicechat.tts.refusal import exhausted
from voicechat.tts.scheduler import BULK_SHARE, Pace
from voicechat.tts.speed import Speed

_TYPICAL_REPLY_MS = 4000


class Admission:
    """Places for replies: as many of each pace as the worker is fast enough for, and one bounded queue.

    Who waits is served first come first served. A reply that was admitted keeps its place when the worker slows down.

    Args:
        speed: What the worker can do just now.
        max_queue: Replies that may wait.
        max_wait_s: How long one may wait.
    """

    def __init__(self, speed: Speed, max_queue: int, max_wait_s: float) -> None:
        self._speed = speed
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

    @property
    def capacity(self) -> int:
        """REALTIME replies that may be spoken at once, as things are; BULK takes its floor from their time."""
        return self._speed.replies(1.0 - BULK_SHARE if self._active[Pace.BULK] else 1.0)

    def worked(self, took_s: float, audio_s: float) -> None:
        """A turn took `took_s` and gave `audio_s`: there may be more room now, or less."""
        self._speed.worked(took_s, audio_s)
        self._serve()

    @asynccontextmanager
    async def place(self, pace: Pace) -> AsyncIterator[None]:
        """Hold a place. Raises `Refusal` (RESOURCE_EXHAUSTED) when the queue is full or the wait too long."""
        await self._enter(pace)
        try:
            yield
        finally:
            self._leave(pace)

    async def _enter(self, pace: Pace) -> None:
        if self._room(pace) and not self._queues[pace]:
            self._active[pace] += 1
            return
        if self.queued >= self._max_queue:
            raise self._full(pace)
        await self._wait(pace)

    def _room(self, pace: Pace) -> bool:
        return self._active[pace] < self.capacity

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
        self._active[pace] -= 1
        self._serve()

    def _serve(self) -> None:
        """Give free places to those who have waited longest."""
        for pace, queue in self._queues.items():
            while queue and self._room(pace):
                turn = queue.popleft()
                if not turn.done():
                    self._active[pace] += 1
                    turn.set_result(None)

    def _full(self, pace: Pace) -> Exception:
        waiting, capacity = self.queued, self.capacity
        return exhausted(
            f"all {capacity} {pace.name} places that this machine is fast enough for, or worker.capacity allows, are "
            f"taken and {waiting} replies wait; retry later, ask another worker, or raise worker.max_queue",
            retry_after_ms=round(_TYPICAL_REPLY_MS * (waiting + 1) / capacity),
        )
