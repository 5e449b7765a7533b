"""Who may hold a conversation now: as many as the voice can speak to, a bounded queue, and nobody while we are late."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from voicechat.conversation.port import CommandRefused
from voicechat.fleet.tally import LoneTally, Tally
from voicechat.observability.rejections import rejections
from voicechat.settings import ServerSettings

LOOK_S = 0.25
"""How often who waits looks whether the voice has become able to speak to more."""


def always_on_time() -> float:
    """A loop that is never late, ms."""
    return 0.0


def unknown_capacity() -> int | None:
    """A voice that does not say how many it can speak to."""
    return None


class Places:
    """Places for conversations, given first come, first served.

    Args:
        settings: The bounds.
        lateness_ms: Of the event loop.
        capacity: Replies that the voice can speak at once, as things are; None: not known.
        tally: Of the conversations that the voice is shared by; None: this process is alone.
    """

    def __init__(
        self,
        settings: ServerSettings,
        lateness_ms: Callable[[], float] = always_on_time,
        capacity: Callable[[], int | None] = unknown_capacity,
        tally: Tally | None = None,
    ) -> None:
        self._settings = settings
        self._lateness_ms = lateness_ms
        self._capacity = capacity
        self._tally = tally or LoneTally()
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Take a place, waiting `server.session_wait_s` at most. Raises `CommandRefused`."""
        late_ms, most_ms = self._lateness_ms(), self._settings.max_lateness_ms
        if late_ms > most_ms:
            raise _refused(
                f"the server is {late_ms:.0f} ms late with what it does already (server.max_lateness_ms {most_ms:.0f})"
            )
        until_s = asyncio.get_running_loop().time() + self._settings.session_wait_s
        await self._take_here(until_s)
        # What is free by the last count may have been taken by another process since; the count is newer then.
        while not await self._claimed():
            self._leave_here()
            await self._take_here(until_s)

    @property
    def load(self) -> float:
        """How busy the process is: 0 idle, 1 or more when nobody can be taken."""
        return max(self._taken / self._settings.max_sessions, self._lateness_ms() / self._settings.max_lateness_ms)

    def give_back(self) -> None:
        """Leave the place to whoever has waited longest."""
        self._tally.release()
        self._leave_here()

    async def _claimed(self) -> bool:
        try:
            return await self._tally.claim(self._capacity())
        except BaseException:
            self._leave_here()
            raise

    def _leave_here(self) -> None:
        self._taken -= 1
        self._serve()

    @property
    def _most(self) -> int:
        """Places of this process: what the voice can speak to, but for what others hold."""
        capacity, most = self._capacity(), self._settings.max_sessions
        return most if capacity is None else min(max(0, capacity - self._tally.elsewhere), most)

    async def _take_here(self, until_s: float) -> None:
        if self._taken < self._most and not self._waiting:
            self._taken += 1
            return
        await self._wait(until_s)

    def _serve(self) -> None:
        while self._waiting and self._taken < self._most:
            first = self._waiting.popleft()
            if not first.done():
                self._taken += 1
                first.set_result(None)

    async def _wait(self, until_s: float) -> None:
        if len(self._waiting) >= self._settings.max_waiting_sessions or not self._settings.session_wait_s:
            raise self._full()
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            async with asyncio.timeout_at(until_s):
                while not (await asyncio.wait({mine}, timeout=LOOK_S))[0]:
                    self._serve()
        except BaseException as error:
            if mine.done():
                self._leave_here()
            else:
                self._waiting.remove(mine)
            if isinstance(error, TimeoutError):
                raise self._full() from None
            raise

    def _full(self) -> CommandRefused:
        held = f"{self._taken} conversations are held already"
        if self._most < self._settings.max_sessions:
            others = f" and {self._tally.elsewhere} by other orchestrators" if self._tally.elsewhere else ""
            more = f"the workers can speak to {self._capacity()}; start one more: voicechat worker"
            return _refused(f"{held}{others}, and {more}")
        return _refused(f"{held} (server.max_sessions)")


def _refused(why: str) -> CommandRefused:
    rejections.count("busy", why=why)
    return CommandRefused("server_full", f"{why}; try again in a few seconds")
