"""The registry on Redis.

A worker is a key that expires, and its name stands in a sorted set, so that nobody has to search for keys. Scores are
expiry times on Redis' own clock, ms. What must not be torn apart is a script.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError

from voicechat.fleet.record import WorkerRecord, parse_record
from voicechat.fleet.registry import RegistryError, Snapshot

WORKER = "voicechat:worker:"
WORKERS = "voicechat:workers"
AFFINITY = "voicechat:affinity:"
EPOCH = "voicechat:epoch"
_ANSWER_S = 1.0
_CONNECTIONS = 8

_ANNOUNCE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
"""

_WITHDRAW = """
local held = redis.call('GET', KEYS[1])
if held and cjson.decode(held).instance == ARGV[2] then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
end
"""


class RedisRegistry:
    """Implements `Registry` on the server at `url`; every call answers or fails within about two seconds."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(
            url,
            socket_connect_timeout=_ANSWER_S,
            socket_timeout=_ANSWER_S,
            max_connections=_CONNECTIONS,
            # A connection that a restart of the server has cut is no outage yet.
            retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.2), 1),
        )
        self._announce = self._redis.register_script(_ANNOUNCE)
        self._withdraw = self._redis.register_script(_WITHDRAW)

    async def announce(self, record: WorkerRecord, ttl_s: float) -> None:
        """Write the worker's key and its place in the set."""
        with _explained():
            arguments: list[str | int] = [record.name, record.model_dump_json(), round(ttl_s * 1000)]
            await self._announce(keys=[WORKER + record.name, WORKERS], args=arguments)

    async def withdraw(self, record: WorkerRecord) -> None:
        """Delete both, if they are still this process' own."""
        with _explained():
            await self._withdraw(keys=[WORKER + record.name, WORKERS], args=[record.name, record.instance])

    async def snapshot(self) -> Snapshot:
        """Everybody whose key has not expired; what is no record is left out."""
        with _explained():
            async with self._redis.pipeline() as pipe:
                pipe.set(EPOCH, secrets.token_hex(8), nx=True)
                pipe.get(EPOCH)
                pipe.zrange(WORKERS, 0, -1)
                _, epoch, names = await pipe.execute()
            found = await self._redis.mget([WORKER.encode() + name for name in names]) if names else []
        records = (parse_record(text) for text in found if text is not None)
        return Snapshot(tuple(record for record in records if record is not None), _text(epoch))

    async def remember(self, session: str, worker: str, ttl_s: float) -> None:
        """Write the session's key."""
        with _explained():
            await self._redis.set(AFFINITY + session, worker, px=round(ttl_s * 1000))

    async def recall(self, session: str) -> str | None:
        """Read it."""
        with _explained():
            found = await self._redis.get(AFFINITY + session)
        return None if found is None else _text(found)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise RegistryError(f"Redis does not answer ({reason}); see that it runs, or check redis.url") from error
