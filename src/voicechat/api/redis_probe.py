"""Asks Redis whether it answers."""

from __future__ import annotations

from pydantic import SecretStr

from voicechat.api.health import CHECK_TIMEOUT_S, Probe


def redis_probe(url: SecretStr | None) -> Probe | None:
    """A probe of the server at `url`; None where Redis is not configured."""
    if url is None:
        return None
    import redis.asyncio  # half a second that only those with Redis pay

    address = url.get_secret_value()

    async def probe() -> None:
        async with redis.asyncio.from_url(address, socket_timeout=CHECK_TIMEOUT_S) as client:
            await client.execute_command("PING")  # type: ignore[no-untyped-call]  # redis-py

    return probe
