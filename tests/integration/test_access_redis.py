"""Keys, client secrets and limits that several orchestrators share, on a real Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis
from support.redis import RedisServer, new_redis

from voicechat.access.access import Access, Caller, Use
from voicechat.access.build import open_access
from voicechat.access.denial import AccessDenied, Reason
from voicechat.access.keys import KeyLimits, Scope, make_key
from voicechat.access.redis_limits import RedisLimiter
from voicechat.access.redis_store import RedisKeys
from voicechat.access.ring import KeyRing
from voicechat.access.store import KeyStoreError
from voicechat.settings import Settings


@pytest.fixture
def server() -> Iterator[RedisServer]:
    made = new_redis()
    yield made
    made.stop()


def client(server: RedisServer) -> Redis:
    return Redis.from_url(server.url, socket_timeout=1, socket_connect_timeout=1)


def settings(server: RedisServer) -> Settings:
    return Settings.model_validate({"redis": {"url": server.url}, "access": {"require_keys": True}})


async def entered(stack: AsyncExitStack, server: RedisServer) -> Access:
    return await stack.enter_async_context(open_access(settings(server)))


async def test_two_orchestrators_accept_the_same_keys_secrets_and_revocations(server: RedisServer) -> None:
    store = RedisKeys(client(server))
    key, token = make_key("web", [Scope.CONVERSE], time.time())
    await store.add(key)
    async with AsyncExitStack() as stack:
        one, other = await entered(stack, server), await entered(stack, server)
        secret = await one.client_secrets.issue({"instructions": "Hm."}, 60, key.id)
        caller = await other.identify(secret.value, Scope.CONVERSE, takes_secrets=True)
        assert caller == Caller(key, {"instructions": "Hm."})
        ending = asyncio.ensure_future(other.until_ended(caller))
        await store.revoke("web", time.time())
        assert (await asyncio.wait_for(ending, 10))[0] == "revoked_api_key"
        with pytest.raises(AccessDenied):
            await other.identify(token, Scope.CONVERSE, takes_secrets=False)
    await store.aclose()


async def test_a_key_has_its_limits_over_all_orchestrators(server: RedisServer) -> None:
    limits = KeyLimits(requests_per_minute=6, concurrent_sessions=1)
    caller = Caller(make_key("web", [Scope.CONVERSE], time.time(), limits=limits)[0])
    async with AsyncExitStack() as stack:
        one, other = await entered(stack, server), await entered(stack, server)
        async with one.admitted(caller, Use.SESSION):
            with pytest.raises(AccessDenied) as denied:
                async with other.admitted(caller, Use.SESSION):
                    pass
            assert denied.value.reason is Reason.SESSIONS
        async with other.admitted(caller, Use.SESSION):
            pass
        for _ in range(3):
            async with one.admitted(caller, Use.REQUEST):
                pass
        with pytest.raises(AccessDenied) as denied:
            async with other.admitted(caller, Use.REQUEST):
                pass
        assert denied.value.reason is Reason.RATE
        assert 5 < (denied.value.retry_after_s or 0) <= 10


async def test_while_redis_is_away_limits_are_counted_here(server: RedisServer) -> None:
    limiter = RedisLimiter(client(server))
    assert await limiter.hold("k", "a", 1)
    server.stop()
    assert await limiter.hold("k", "b", 1)
    assert not await limiter.hold("k", "c", 1)
    assert await limiter.take("k", 60) == 0
    await limiter.release("k", "b")
    await limiter.aclose()


async def test_a_redis_that_comes_back_empty_is_given_the_keys_again(server: RedisServer) -> None:
    store = RedisKeys(client(server))
    key, token = make_key("web", [Scope.CONVERSE], time.time())
    await store.add(key)
    ring = KeyRing(store)
    await ring.refresh()
    server.stop()
    with pytest.raises(KeyStoreError, match="does not answer"):
        await ring.refresh()
    assert ring.find(token) == key
    server.start()
    await ring.refresh()
    assert list(await store.read()) == [key]
    assert ring.find(token) == key
    await store.aclose()


async def test_keys_made_at_once_are_all_kept_and_a_name_is_given_once(server: RedisServer) -> None:
    stores = [RedisKeys(client(server)) for _ in range(4)]
    made = [make_key(f"n{number}", [Scope.SPEAK], time.time())[0] for number in range(4)]
    await asyncio.gather(*(store.add(key) for store, key in zip(stores, made, strict=True)))
    assert {key.name for key in await stores[0].read()} == {"n0", "n1", "n2", "n3"}
    with pytest.raises(KeyStoreError, match="in force"):
        await stores[1].add(make_key("n0", [Scope.SPEAK], time.time())[0])
    for store in stores:
        await store.aclose()
