from __future__ import annotations

import pytest

from voicechat.access.access import Access, Caller, Use
from voicechat.access.client_secrets import ClientSecrets, MemorySecrets, SessionTooLargeError, TooManySecretsError
from voicechat.access.denial import AccessDenied, Reason
from voicechat.access.exposure import ExposedError, check_api, check_worker, keys_required
from voicechat.access.fake import FakeKeys, fake_access
from voicechat.access.keys import KeyLimits, Scope, make_key
from voicechat.settings import Settings


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


async def reason_of(access: Access, credential: str | None, scope: Scope | None, *, takes_secrets: bool = False) -> str:
    try:
        await access.identify(credential, scope, takes_secrets=takes_secrets)
    except AccessDenied as denied:
        return denied.reason.value
    return "served"


async def test_with_keys_required_only_a_fitting_key_is_served() -> None:
    key, token = make_key("bot", [Scope.SPEAK], 1000.0)
    access, _ = await fake_access(FakeKeys(key), keys_required=True)
    assert await reason_of(access, token, Scope.SPEAK) == "served"
    assert await reason_of(access, token, None) == "served"
    assert await reason_of(access, token, Scope.LISTEN) == "wrong_scope"
    assert await reason_of(access, None, Scope.SPEAK) == "no_key"
    assert await reason_of(access, "none", Scope.SPEAK) == "wrong_key"


async def test_without_keys_required_anything_but_a_bad_key_is_served() -> None:
    key, token = make_key("bot", [Scope.SPEAK], 1000.0)
    store = FakeKeys(key)
    access, ring = await fake_access(store, keys_required=False)
    assert await reason_of(access, None, Scope.ADMIN) == "served"
    assert await reason_of(access, "none", Scope.ADMIN) == "served"
    assert await reason_of(access, token, Scope.LISTEN) == "wrong_scope"
    await store.revoke("bot", 1001.0)
    await ring.refresh()
    assert await reason_of(access, token, Scope.SPEAK) == "revoked_key"


async def test_a_client_secret_opens_what_takes_it_until_it_or_its_key_ends() -> None:
    clock = Clock()
    key, _ = make_key("web", [Scope.CONVERSE], 1000.0)
    store = FakeKeys(key)
    access, ring = await fake_access(store, keys_required=True, clock=clock)
    secret = await access.client_secrets.issue({"instructions": "Hm."}, 60, key.id)
    caller = await access.identify(secret.value, Scope.CONVERSE, takes_secrets=True)
    assert caller == Caller(key, {"instructions": "Hm."})
    assert await reason_of(access, secret.value, Scope.SPEAK) == "client_secret"
    clock.now_s += 60
    assert await reason_of(access, secret.value, Scope.CONVERSE, takes_secrets=True) == "client_secret"
    clock.now_s -= 30
    await store.revoke("web", clock.now_s)
    await ring.refresh()
    assert await reason_of(access, secret.value, Scope.CONVERSE, takes_secrets=True) == "revoked_key"


async def test_a_secret_that_no_key_asked_for_opens_nothing_where_keys_are_required() -> None:
    access, _ = await fake_access(FakeKeys(), keys_required=True)
    secret = await access.client_secrets.issue({}, 60)
    assert await reason_of(access, secret.value, Scope.CONVERSE, takes_secrets=True) == "client_secret"
    assert await reason_of(access, "ek_made_up", Scope.CONVERSE, takes_secrets=True) == "client_secret"


async def test_secrets_are_bounded_and_expired_ones_make_room() -> None:
    clock = Clock()
    secrets = ClientSecrets(MemorySecrets(clock, limit=2), clock)
    await secrets.issue({}, ttl_s=10)
    await secrets.issue({}, ttl_s=60)
    with pytest.raises(TooManySecretsError):
        await secrets.issue({}, ttl_s=60)
    clock.now_s += 10
    assert (await secrets.issue({}, ttl_s=60)).expires_at == 1070
    with pytest.raises(SessionTooLargeError):
        await secrets.issue({"instructions": "x" * 70_000}, ttl_s=60)


async def limited(limits: KeyLimits) -> tuple[Access, Caller, Clock]:
    clock = Clock()
    key, _ = make_key("bot", [Scope.SPEAK], 1000.0, limits=limits)
    access, _ = await fake_access(FakeKeys(key), keys_required=True, clock=clock)
    return access, Caller(key), clock


async def test_a_key_beyond_its_rate_is_told_when_to_come_back() -> None:
    access, caller, clock = await limited(KeyLimits(requests_per_minute=6))
    for _ in range(6):
        async with access.admitted(caller, Use.REQUEST):
            pass
    with pytest.raises(AccessDenied) as denied:
        async with access.admitted(caller, Use.REQUEST):
            pass
    assert (denied.value.reason, denied.value.retry_after_s) == (Reason.RATE, 10.0)
    clock.now_s += 10
    async with access.admitted(caller, Use.REQUEST):
        pass


async def test_a_key_holds_so_many_sessions_and_no_more() -> None:
    access, caller, _ = await limited(KeyLimits(concurrent_sessions=1))
    async with access.admitted(caller, Use.SESSION):
        with pytest.raises(AccessDenied) as denied:
            async with access.admitted(caller, Use.SESSION):
                pass
        assert denied.value.reason is Reason.SESSIONS
        async with access.admitted(caller, Use.REQUEST):
            pass
    async with access.admitted(caller, Use.SESSION):
        pass


async def test_a_place_is_free_again_after_a_failure() -> None:
    access, caller, _ = await limited(KeyLimits(concurrent_requests=1))
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with access.admitted(caller, Use.REQUEST):
                raise ZeroDivisionError


async def test_who_needs_no_key_is_not_counted() -> None:
    access, _ = await fake_access(FakeKeys(), keys_required=False)
    for _ in range(2000):
        async with access.admitted(Caller(), Use.SESSION):
            pass


async def test_a_session_ends_with_the_time_of_its_key() -> None:
    access, caller, _ = await limited(KeyLimits(session_s=0.001))
    assert (await access.until_ended(caller))[0] == "session_expired"


def configured(host: str = "127.0.0.1", **sections: object) -> Settings:
    return Settings.model_validate({"server": {"host": host}, "worker": {"host": host}, **sections})


@pytest.mark.parametrize(
    ("settings", "required"),
    [
        (configured(), False),
        (configured("::1"), False),
        (configured("localhost"), False),
        (configured("0.0.0.0"), True),
        (configured("192.168.1.5"), True),
        (configured(""), True),
        (configured(environment="production"), True),
        (configured("0.0.0.0", access={"insecure": True}), False),
        (configured("0.0.0.0", access={"insecure": True, "require_keys": True}), True),
        (configured(environment="production", access={"require_keys": False}), False),
    ],
)
def test_keys_are_required_beyond_this_machine_and_in_production(settings: Settings, required: bool) -> None:
    assert keys_required(settings) is required


def test_a_public_address_without_keys_is_refused_with_what_mends_it() -> None:
    with pytest.raises(ExposedError, match=r"keys create.*127\.0\.0\.1.*--insecure"):
        check_api(configured("0.0.0.0"), 0)
    check_api(configured("0.0.0.0"), 1)
    check_api(configured(environment="production"), 0)
    check_api(configured("0.0.0.0", access={"insecure": True}), 0)
    check_api(configured("0.0.0.0", access={"require_keys": True}), 0)


@pytest.mark.parametrize(
    ("grpc", "is_guarded"),
    [
        ({}, False),
        ({"secret": "s"}, True),
        ({"certificate": "c", "private_key": "k"}, False),
        ({"certificate": "c", "private_key": "k", "ca": "a"}, True),
    ],
)
def test_a_public_worker_wants_a_secret_or_certificates(grpc: dict[str, str], is_guarded: bool) -> None:
    check_worker(configured(grpc=grpc))
    check_worker(configured("0.0.0.0", grpc=grpc, access={"insecure": True}))
    if is_guarded:
        check_worker(configured("0.0.0.0", grpc=grpc))
        return
    with pytest.raises(ExposedError, match="grpc.secret"):
        check_worker(configured("0.0.0.0", grpc=grpc))
