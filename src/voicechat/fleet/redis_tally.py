"""The tally on Redis: each orchestrator writes what it holds, and one script adds it up and lets one more in.

A process that ends without a word is forgotten with its expiry. While Redis is away, each orchestrator goes by what it
knew last of the others; when it is back, the next beat writes the truth.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError

ORCHESTRATORS = "voicechat:orchestrators"
"""Sorted set: ids by expiry on Redis' own clock, ms."""
HELD = "voicechat:conversations"
"""Hash: conversations by id."""
BEAT_S = 0.5
TTL_S = 6.0
"""An orchestrator that was not heard of for so long holds nothing that counts."""
_ANSWER_S = 1.0
_NO_BOUND = 1 << 31

_COUNT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('ZREM', KEYS[1], gone)
  redis.call('HDEL', KEYS[2], gone)
end
local elsewhere = 0
local held = redis.call('HGETALL', KEYS[2])
for place = 1, #held, 2 do
  if held[place] ~= ARGV[1] then elsewhere = elsewhere + tonumber(held[place + 1]) end
end
local mine, wanted, most = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local granted = mine + wanted + elsewhere <= most
if granted then mine = mine + wanted end
redis.call('ZADD', KEYS[1], now + ARGV[5], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], mine)
return {elsewhere, granted and 1 or 0}
"""

log = structlog.get_logger(__name__)


class RedisTally:
    """Implements `Tally`; `keep` must run beside it. It closes `client`, which needs deadlines of its own."""

    def __init__(self, client: Redis) -> None:
        self._redis = client
        self._count: Any = client.register_script(_COUNT)  # redis-py's commands are typed for both clients at once
        self._name = secrets.token_hex(8)
        self._held = 0
        self._elsewhere = 0
        self._is_away = False
        # One question at a time: an older count must not overtake a newer one.
        self._asking = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def elsewhere(self) -> int:
        """As of the last answer."""
        return self._elsewhere

    async def claim(self, most: int | None) -> bool:
        """Count one more. Where Redis does not answer, by what was known last."""
        async with self._asking:
            granted = not self._is_away and await self._ask(1, most)
            if self._is_away:
                granted = most is None or self._held + self._elsewhere < most
            self._held += granted
            return granted

    def release(self) -> None:
        """Count one less; Redis is told at once."""
        self._held -= 1
        self._changed.set()

    async def keep(self) -> None:
        """Tell Redis what is held, and hear of the others, for as long as this runs."""
        while True:
            self._changed.clear()
            async with self._asking:
                await self._ask(0, None)
            try:
                async with asyncio.timeout(BEAT_S):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def aclose(self) -> None:
        """Take back what this process has written, if Redis can be told, and close the connections."""
        try:
            async with self._redis.pipeline() as pipe:
                pipe.zrem(ORCHESTRATORS, self._name)
                pipe.hdel(HELD, self._name)
                await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            log.info("conversations stay counted until they expire", seconds=TTL_S, reason=str(error))
        await self._redis.aclose()

    async def _ask(self, wanted: int, most: int | None) -> bool:
        bound = _NO_BOUND if most is None else most
        arguments = [self._name, self._held, wanted, bound, round(TTL_S * 1000)]
        try:
            self._elsewhere, granted = await self._count(keys=[ORCHESTRATORS, HELD], args=arguments)
        except (RedisError, OSError, TimeoutError) as error:
            if not self._is_away:
                log.warning("conversations of other orchestrators are not counted anew", reason=str(error))
            self._is_away = True
            return False
        self._is_away = False
        return bool(granted)


@asynccontextmanager
async def counted(url: str) -> AsyncIterator[RedisTally]:
    """A tally on the Redis at `url`, kept true while it is used."""
    client = Redis.from_url(
        url,
        socket_connect_timeout=_ANSWER_S,
        socket_timeout=_ANSWER_S,
        max_connections=2,
        # A connection that a restart of the server has cut is no outage yet.
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.2), 1),
    )
    tally = RedisTally(client)
    keeping = asyncio.ensure_future(tally.keep())
    try:
        yield tally
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await tally.aclose()
