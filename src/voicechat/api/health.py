"""Whether the parts of an installation work: found out by asking, and remembered for a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

CACHE_S = 1.0
CHECK_TIMEOUT_S = 2.0
FOLLOWED_EVERY_S = 5.0

Probe = Callable[[], Awaitable[object]]
"""Asks a part; raises when it does not work."""


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one probe."""

    ok: bool
    error: str | None


class HealthMonitor:
    """Probes parts at most once a second, all at the same time, each with a deadline.

    A probe of None is a part that is not configured. `clock` is monotonic, in seconds.
    """

    def __init__(self, probes: Mapping[str, Probe | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._probes = probes
        self._clock = clock
        self._checks: dict[str, Check | None] = {}
        self._checked_at: float | None = None
        self._lock = asyncio.Lock()

    @property
    def last(self) -> Mapping[str, Check | None]:
        """How each part was when it was last asked; empty before."""
        return self._checks

    async def checks(self) -> Mapping[str, Check | None]:
        """How each part is; None where it is not configured."""
        async with self._lock:
            if self._checked_at is None or self._clock() - self._checked_at >= CACHE_S:
                outcomes = await asyncio.gather(*(_run(probe) for probe in self._probes.values()))
                self._checks = dict(zip(self._probes, outcomes, strict=True))
                self._checked_at = self._clock()
            return self._checks


@asynccontextmanager
async def followed(monitor: HealthMonitor) -> AsyncIterator[None]:
    """While the context lasts, `monitor.last` is some seconds old at most, for whoever does not wait for an answer."""
    following = asyncio.ensure_future(_follow(monitor))
    try:
        yield
    finally:
        following.cancel()
        await asyncio.wait((following,))


async def _follow(monitor: HealthMonitor) -> None:
    while True:
        await monitor.checks()
        await asyncio.sleep(FOLLOWED_EVERY_S)


async def _run(probe: Probe | None) -> Check | None:
    if probe is None:
        return None
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await probe()
    except TimeoutError:
        return Check(False, f"no answer within {CHECK_TIMEOUT_S:.0f} s")
    except Exception as error:  # A probe may fail in any way its library knows.
        return Check(False, str(error) or type(error).__name__)
    return Check(True, None)
