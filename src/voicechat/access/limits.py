"""How often and how much at once: the port that counts it, and the count of one process."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from voicechat.access.keys import KeyLimits
from voicechat.settings import AccessSettings

SECONDS_PER_MINUTE = 60.0
BURST_S = 10.0
"""A key that was idle may send this much of its rate at once, s."""
LEAST_BURST = 10
MAX_BUCKETS = 10_000
"""Keys counted at once; the one that was idle longest is forgotten first, which fills its bucket."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits that hold for one key; 0 is none. `session_s` None: as conversations are."""

    requests_per_minute: int
    concurrent_requests: int
    concurrent_sessions: int
    session_s: float | None = None


def bounds_of(limits: KeyLimits, settings: AccessSettings) -> Bounds:
    """The key's own limits, else those of the settings."""
    return Bounds(
        _chosen(limits.requests_per_minute, settings.requests_per_minute),
        _chosen(limits.concurrent_requests, settings.concurrent_requests),
        _chosen(limits.concurrent_sessions, settings.concurrent_sessions),
        limits.session_s,
    )


def _chosen(own: int | None, common: int) -> int:
    return common if own is None else own


def burst_of(per_minute: int) -> int:
    """How many requests a full bucket holds."""
    return min(per_minute, max(LEAST_BURST, round(per_minute * BURST_S / SECONDS_PER_MINUTE)))


class Limiter(Protocol):
    """Counts what keys use. `name` is of a key and of what is counted."""

    async def take(self, name: str, per_minute: int) -> float:
        """Take one request out of a token bucket; returns 0, or after how many seconds there will be one."""

    async def hold(self, name: str, holder: str, most: int) -> bool:
        """Let `holder` be one of at most `most` at once; whether there was room."""

    async def release(self, name: str, holder: str) -> None:
        """Give the place back."""


class MemoryLimiter:
    """A `Limiter` of this process alone. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._holders: dict[str, set[str]] = {}

    async def take(self, name: str, per_minute: int) -> float:
        """Take one request."""
        burst, per_s, now_s = burst_of(per_minute), per_minute / SECONDS_PER_MINUTE, self._clock()
        tokens, at_s = self._buckets.get(name, (float(burst), now_s))
        tokens = min(burst, tokens + (now_s - at_s) * per_s)
        wait_s = 0.0 if tokens >= 1 else (1 - tokens) / per_s
        self._buckets[name] = (tokens if wait_s else tokens - 1, now_s)
        self._buckets.move_to_end(name)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return wait_s

    async def hold(self, name: str, holder: str, most: int) -> bool:
        """Take a place."""
        holders = self._holders.setdefault(name, set())
        if len(holders) >= most:
            return False
        holders.add(holder)
        return True

    async def release(self, name: str, holder: str) -> None:
        """Give the place back."""
        holders = self._holders.get(name, set())
        holders.discard(holder)
        if not holders:
            self._holders.pop(name, None)
