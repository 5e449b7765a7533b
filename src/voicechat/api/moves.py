"""Where sessions are kept while they move from one orchestrator to another: in Redis, or nowhere without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from voicechat.settings import RedisSettings
from voicechat.transports.realtime.moving import KEPT_S, MoveError, Moves

if TYPE_CHECKING:
    from redis.asyncio import Redis

PREFIX = "voicechat:moved:"
DEADLINE_S = 2.0


class RedisMoveStore:
    """A `MoveStore` on `client`, which it closes."""

    def __init__(self, client: Redis) -> None:
        self._client: Any = client  # redis-py's commands are typed for both of its clients at once

    async def put(self, name: str, record: str) -> None:
        """Keep a record."""
        await self._ask(self._client.set(PREFIX + name, record, ex=KEPT_S))

    async def get(self, name: str) -> str | None:
        """The record."""
        record: bytes | None = await self._ask(self._client.get(PREFIX + name))
        return None if record is None else record.decode()

    async def drop(self, name: str) -> None:
        """Forget it."""
        await self._ask(self._client.delete(PREFIX + name))

    async def aclose(self) -> None:
        """Release the connections."""
        await self._client.aclose()

    async def _ask(self, question: Any) -> Any:
        from redis.exceptions import RedisError

        try:
            async with asyncio.timeout(DEADLINE_S):
                return await question
        except (RedisError, OSError, TimeoutError) as error:
            raise MoveError("the conversation cannot be moved: Redis does not answer; see redis.url") from error


@asynccontextmanager
async def open_moves(settings: RedisSettings) -> AsyncIterator[Moves | None]:
    """What moves the sessions of this process; None without Redis, where nobody could take them."""
    if settings.url is None:
        yield None
        return
    import redis.asyncio  # half a second that only those with Redis pay

    store = RedisMoveStore(redis.asyncio.from_url(settings.url.get_secret_value(), socket_connect_timeout=DEADLINE_S))
    try:
        yield Moves(store)
    finally:
        await store.aclose()
