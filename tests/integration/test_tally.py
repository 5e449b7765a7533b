"""Orchestrators that share a fleet count together how many conversations they hold, on a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from redis.asyncio import Redis
from support.redis import RedisServer, new_redis

from voicechat.fleet.redis_tally import HELD, ORCHESTRATORS, RedisTally, counted


@pytest.fixture
def server() -> Iterator[RedisServer]:
    made = new_redis()
    yield made
    made.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


async def test_together_they_let_in_what_the_fleet_can_speak_to(server: RedisServer) -> None:
    async with counted(server.url) as one, counted(server.url) as two, counted(server.url) as three:
        claims = [tally.claim(10) for _ in range(10) for tally in (one, two, three)]
        assert sum(await asyncio.gather(*claims)) == 10
        one.release()
        await until(lambda: two.elsewhere + three.elsewhere + one.elsewhere == 18)
        assert await two.claim(10)
        assert not await three.claim(10)


async def test_without_a_bound_everyone_is_let_in_and_counted(server: RedisServer) -> None:
    async with counted(server.url) as one, counted(server.url) as two:
        assert await one.claim(None)
        assert not await two.claim(1)
        assert two.elsewhere == 1


async def test_one_that_ends_leaves_its_places(server: RedisServer) -> None:
    async with counted(server.url) as two:
        async with counted(server.url) as one:
            assert await one.claim(1)
            assert not await two.claim(1)
        assert await two.claim(1)


async def test_one_that_dies_is_forgotten_with_its_expiry(server: RedisServer) -> None:
    client = Redis.from_url(server.url)
    async with counted(server.url) as two:
        # What a process wrote that was killed: held, and not renewed since.
        await client.hset(HELD, "dead", "5")
        await client.zadd(ORCHESTRATORS, {"dead": 1})
        assert await two.claim(1)
        assert two.elsewhere == 0
    await client.aclose()


async def test_while_redis_is_away_the_last_count_holds_and_then_the_truth(server: RedisServer) -> None:
    async with counted(server.url) as one, counted(server.url) as two:
        assert await one.claim(3)
        assert await two.claim(3)
        await until(lambda: one.elsewhere == 1)
        server.stop()
        assert await two.claim(3)
        assert not await two.claim(3)
        server.start()
        await until(lambda: one.elsewhere == 2)
        assert await held(server) == [1, 2]


async def held(server: RedisServer) -> list[int]:
    client = Redis.from_url(server.url)
    counts = sorted(int(count) for count in (await client.hgetall(HELD)).values())
    await client.aclose()
    return counts


async def test_a_claim_needs_no_beat(server: RedisServer) -> None:
    one, two = RedisTally(Redis.from_url(server.url)), RedisTally(Redis.from_url(server.url))
    assert await one.claim(1)
    assert not await two.claim(1)
    await one.aclose()
    await two.aclose()
