from __future__ import annotations

import asyncio

import pytest

from voicechat.access.denial import AccessDenied, Reason
from voicechat.access.fake import FakeKeys
from voicechat.access.keys import Scope, make_key
from voicechat.access.ring import KeyRing
from voicechat.access.store import KeyStoreError


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def reason_of(ring: KeyRing, token: str) -> Reason | None:
    try:
        ring.find(token)
    except AccessDenied as denied:
        return denied.reason
    return None


async def test_a_key_is_known_until_it_is_revoked() -> None:
    key, token = make_key("phone", [Scope.SPEAK], 1000.0)
    store = FakeKeys(key)
    ring = KeyRing(store, Clock())
    await ring.refresh()
    assert ring.find(token) == key
    await store.revoke("phone", 1001.0)
    await ring.refresh()
    assert reason_of(ring, token) is Reason.REVOKED_KEY


async def test_a_key_is_known_until_it_expires() -> None:
    clock = Clock()
    key, token = make_key("phone", [Scope.SPEAK], 1000.0, expires_at=1010.0)
    ring = KeyRing(FakeKeys(key), clock)
    await ring.refresh()
    assert reason_of(ring, token) is None
    clock.now_s = 1010.0
    assert reason_of(ring, token) is Reason.EXPIRED_KEY


async def test_a_known_id_with_another_secret_is_wrong() -> None:
    key, token = make_key("phone", [Scope.SPEAK], 1000.0)
    ring = KeyRing(FakeKeys(key), Clock())
    await ring.refresh()
    forged = token[:-1] + ("A" if token[-1] != "A" else "B")
    assert reason_of(ring, forged) is Reason.WRONG_KEY
    assert reason_of(ring, make_key("other", [], 0.0)[1]) is Reason.WRONG_KEY


async def test_until_keys_were_read_nobody_is_called_a_stranger() -> None:
    key, token = make_key("phone", [Scope.SPEAK], 1000.0)
    store = FakeKeys(key)
    store.away = True
    ring = KeyRing(store, Clock())
    with pytest.raises(KeyStoreError):
        await ring.refresh()
    assert reason_of(ring, token) is Reason.KEYS_UNKNOWN
    store.away = False
    await ring.refresh()
    assert reason_of(ring, token) is None


async def test_while_the_store_is_away_known_keys_serve() -> None:
    key, token = make_key("phone", [Scope.SPEAK], 1000.0)
    store = FakeKeys(key)
    ring = KeyRing(store, Clock())
    await ring.refresh()
    store.away = True
    with pytest.raises(KeyStoreError):
        await ring.refresh()
    assert reason_of(ring, token) is None


async def test_a_store_that_forgot_is_given_the_keys_back() -> None:
    key, token = make_key("phone", [Scope.SPEAK], 1000.0)
    store = FakeKeys(key)
    ring = KeyRing(store, Clock())
    await ring.refresh()
    store.lose()
    await ring.refresh()
    assert store.keys == [key]
    assert reason_of(ring, token) is None


async def test_who_waits_for_the_end_of_a_key_is_told_at_once() -> None:
    key, _ = make_key("phone", [Scope.CONVERSE], 1000.0)
    store = FakeKeys(key)
    ring = KeyRing(store, Clock())
    await ring.refresh()
    waiting = asyncio.ensure_future(ring.until_out_of_force(key.id))
    await asyncio.sleep(0)
    await store.add(make_key("other", [], 1000.0)[0])
    await ring.refresh()
    await asyncio.sleep(0)
    assert not waiting.done()
    await store.revoke("phone", 1001.0)
    await ring.refresh()
    assert (await waiting).reason is Reason.REVOKED_KEY
