"""Whether Redis answers, asked of a real one that dies and comes back."""

from __future__ import annotations

import pytest
import redis.exceptions
from pydantic import SecretStr
from support.redis import new_redis

from voicechat.api.redis_probe import open_redis_probe


async def test_an_outage_is_told_and_a_restart_is_none() -> None:
    server = new_redis()
    try:
        async with open_redis_probe(SecretStr(server.url)) as probe:
            assert probe is not None
            await probe()
            server.stop()
            with pytest.raises(redis.exceptions.ConnectionError):
                await probe()
            server.start()
            await probe()
            server.stop()
            server.start()
            await probe()
    finally:
        server.stop()
