"""Ends a process whose event loop has been stuck, so that its supervisor starts another."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

STUCK_AFTER_S = 30.0
BEAT_S = 1.0
CONFIRMATIONS = 3
EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h."""


class Heartbeat:
    """When the event loop was last seen at work."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen_at = clock()

    def beat(self) -> None:
        """The loop is at work."""
        self._seen_at = self._clock()

    def is_stuck(self) -> bool:
        """Whether it has been silent for too long."""
        return self._clock() - self._seen_at > STUCK_AFTER_S


@asynccontextmanager
async def watchdog(on_stuck: Callable[[], None] | None = None) -> AsyncIterator[Heartbeat]:
    """Watch the running loop from a thread of its own."""
    heart = Heartbeat()
    stopped = threading.Event()
    thread = threading.Thread(target=_watch, args=(heart, stopped, on_stuck or _die), name="watchdog", daemon=True)
    thread.start()
    beating = asyncio.ensure_future(_beat(heart))
    try:
        yield heart
    finally:
        stopped.set()
        beating.cancel()
        await asyncio.wait((beating,))


async def _beat(heart: Heartbeat) -> None:
    while True:
        heart.beat()
        await asyncio.sleep(BEAT_S)


def _watch(heart: Heartbeat, stopped: threading.Event, on_stuck: Callable[[], None]) -> None:
    # A whole process that was stopped looks stuck once it goes on; its loop then needs a moment to beat.
    seen = 0
    while not stopped.wait(BEAT_S):
        seen = seen + 1 if heart.is_stuck() else 0
        if seen == CONFIRMATIONS:
            on_stuck()
            return


def _die() -> None:
    print(f"the event loop has been stuck for {STUCK_AFTER_S:.0f} s; ending this process", file=sys.stderr)
    faulthandler.dump_traceback(file=sys.stderr)
    os._exit(EXIT_CODE)
