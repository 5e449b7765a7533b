"""Asks Redis whether it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from voicechat.api.health import CHECK_TIMEOUT_S, Probe


@asynccontextmanager
async def open_redis_probe(url: SecretStr | None) -> AsyncIterator[Probe | None]:
    """A probe of the server at `url`, by a connection that is kept; None where Redis is not configured."""
    if url is None:
        yield None
        return
    import redis.asyncio  # half a second that only those with Redis pay
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    # A connection that a restart of the server has cut is no outage yet.
    once_more = Retry(NoBackoff(), 1)
    address = url.get_secret_value()
    async with redis.asyncio.from_url(address, socket_timeout=CHECK_TIMEOUT_S, retry=once_more) as client:
        yield lambda: client.execute_command("PING")  # type: ignore[no-untyped-call]  # redis-py
