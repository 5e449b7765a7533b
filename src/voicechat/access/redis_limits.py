"""Limits that hold over all orchestrators: token buckets and leases in Redis, by scripts that run as one step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from voicechat.access.limits import SECONDS_PER_MINUTE, MemoryLimiter, burst_of

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = structlog.get_logger(__name__)
Answer = TypeVar("Answer")

PREFIX = "voicechat:limit:"
DEADLINE_S = 0.25
"""A count that takes longer is made in this process: a caller is worth more than an exact limit."""
RETRY_S = 2.0
"""How long Redis is left alone after it failed, s."""
LEASE_S = 30
"""A place whose holder's process is gone is free again after this, s."""
RENEW_S = 10.0

TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local burst, rate = tonumber(ARGV[1]), tonumber(ARGV[2])
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = math.min(burst, (tonumber(bucket[1]) or burst) + math.max(0, now - (tonumber(bucket[2]) or now)) * rate)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = (1 - tokens) / rate end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 1000)
return tostring(wait)
"""
"""Token bucket: KEYS bucket, ARGV burst and tokens per second; returns the seconds to wait."""
HOLD = """
local now = tonumber(redis.call('TIME')[1])
local lease, most = tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and most >= 0 and redis.call('ZCARD', KEYS[1]) >= most then return 0 end
redis.call('ZADD', KEYS[1], now + lease, ARGV[1])
redis.call('EXPIRE', KEYS[1], lease)
return 1
"""
"""Lease: KEYS places, ARGV holder, seconds, and how many there are (-1: renew without asking); returns 1 if held."""


class RedisLimiter:
    """A `Limiter` on `client`, which it closes. While Redis is away, each process counts for itself."""

    def __init__(self, client: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self._client: Any = client
        self._clock = clock
        self._local = MemoryLimiter(clock)
        self._take = self._client.register_script(TAKE)
        self._hold = self._client.register_script(HOLD)
        self._held: set[tuple[str, str]] = set()
        self._away_until_s = 0.0

    async def take(self, name: str, per_minute: int) -> float:
        """Take one request."""
        arguments = [burst_of(per_minute), per_minute / SECONDS_PER_MINUTE]
        wait = await self._ask(lambda: self._take(keys=[PREFIX + name], args=arguments))
        return float(wait) if wait is not None else await self._local.take(name, per_minute)

    async def hold(self, name: str, holder: str, most: int) -> bool:
        """Take a place."""
        has_room = await self._lease(name, holder, most)
        if has_room is None:
            return await self._local.hold(name, holder, most)
        if has_room:
            self._held.add((name, holder))
        return has_room

    async def release(self, name: str, holder: str) -> None:
        """Give the place back; one that cannot be told runs out by itself."""
        await self._local.release(name, holder)
        if (name, holder) in self._held:
            self._held.discard((name, holder))
            await self._ask(lambda: self._client.zrem(PREFIX + name, holder))

    async def renew(self) -> None:
        """Keep the leases of this process alive until cancelled."""
        while True:
            await asyncio.sleep(RENEW_S)
            for name, holder in list(self._held):
                await self._lease(name, holder, -1)

    async def aclose(self) -> None:
        """Release the connections."""
        await self._client.aclose()

    async def _lease(self, name: str, holder: str, most: int) -> bool | None:
        held = await self._ask(lambda: self._hold(keys=[PREFIX + name], args=[holder, LEASE_S, most]))
        return None if held is None else bool(held)

    async def _ask(self, question: Callable[[], Awaitable[Answer]]) -> Answer | None:
        """Redis's answer, or None where it does not give one in time."""
        from redis.exceptions import RedisError

        if self._clock() < self._away_until_s:
            return None
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await question()
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until_s = self._clock() + RETRY_S
            log.warning("limits are counted in this process: Redis does not answer", reason=str(error))
            return None
