"""Who may hold a conversation now: a bounded number at once, a bounded queue, and nobody while the process is late."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from voicechat.conversation.port import CommandRefused
from voicechat.observability.rejections import rejections
from voicechat.settings import ServerSettings


def always_on_time() -> float:
    """A loop that is never late, ms."""
    return 0.0


class Places:
    """Places for conversations, given first come, first served. `lateness_ms` is that of the event loop."""

    def __init__(self, settings: ServerSettings, lateness_ms: Callable[[], float] = always_on_time) -> None:
        self._settings = settings
        self._lateness_ms = lateness_ms
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Take a place, waiting `server.session_wait_s` at most. Raises `CommandRefused`."""
        late_ms, most_ms = self._lateness_ms(), self._settings.max_lateness_ms
        if late_ms > most_ms:
            raise _refused(
                f"the server is {late_ms:.0f} ms late with what it does already (server.max_lateness_ms {most_ms:.0f})"
            )
        if self._taken < self._settings.max_sessions:
            self._taken += 1
            return
        await self._wait()

    def give_back(self) -> None:
        """Leave the place to whoever has waited longest."""
        while self._waiting:
            first = self._waiting.popleft()
            if not first.done():
                first.set_result(None)
                return
        self._taken -= 1

    async def _wait(self) -> None:
        most = self._settings.max_sessions
        full = f"{most} conversations are held already (server.max_sessions)"
        if len(self._waiting) >= self._settings.max_waiting_sessions or not self._settings.session_wait_s:
            raise _refused(full)
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            async with asyncio.timeout(self._settings.session_wait_s):
                await mine
        except TimeoutError:
            raise _refused(full) from None
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self.give_back()
            raise
        finally:
            if mine in self._waiting:
                self._waiting.remove(mine)


def _refused(why: str) -> CommandRefused:
    rejections.count("busy", why=why)
    return CommandRefused("server_full", f"{why}; try again in a few seconds")
