from __future__ import annotations

import pytest

from voicechat.transports.realtime.handshake import UnauthorizedError, read_handshake
from voicechat.transports.realtime.items import ItemLedger
from voicechat.transports.realtime.tokens import ClientSecrets, TooManySecretsError


class Clock:
    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_secret_is_known_until_it_expires() -> None:
    clock = Clock()
    store = ClientSecrets(clock)
    secret = store.issue({"type": "realtime"}, ttl_s=60)
    assert secret.value.startswith("ek_")
    assert secret.expires_at == 1_060
    assert store.find(secret.value) == secret
    clock.now_s += 60
    assert store.find(secret.value) is None


def test_secrets_are_bounded_and_expired_ones_make_room() -> None:
    clock = Clock()
    store = ClientSecrets(clock, limit=2)
    store.issue({}, ttl_s=10), store.issue({}, ttl_s=60)
    with pytest.raises(TooManySecretsError):
        store.issue({}, ttl_s=60)
    clock.now_s += 10
    assert store.issue({}, ttl_s=60).value


def test_a_secret_opens_the_session_it_was_made_for() -> None:
    store = ClientSecrets(Clock())
    secret = store.issue({"type": "realtime", "instructions": "Be brief."})
    by_header = read_handshake({}, {"authorization": f"Bearer {secret.value}"}, [], store)
    by_subprotocol = read_handshake({}, {}, ["realtime", f"openai-insecure-api-key.{secret.value}"], store)
    assert by_header.session == by_subprotocol.session == {"type": "realtime", "instructions": "Be brief."}


def test_a_secret_that_nobody_gave_is_refused() -> None:
    with pytest.raises(UnauthorizedError, match="client_secrets"):
        read_handshake({}, {"authorization": "Bearer ek_made_up"}, [], ClientSecrets(Clock()))


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer none"}, {"authorization": "Basic x"}])
def test_no_key_is_needed(headers: dict[str, str]) -> None:
    assert read_handshake({}, headers, [], ClientSecrets(Clock())).session == {}


def test_the_subprotocol_is_only_chosen_where_it_was_offered() -> None:
    assert read_handshake({}, {}, [], ClientSecrets(Clock())).subprotocol is None
    assert read_handshake({}, {}, ["realtime"], ClientSecrets(Clock())).subprotocol == "realtime"


def test_the_oldest_items_are_forgotten_first() -> None:
    ledger = ItemLedger(limit=2)
    for name in ("a", "b", "c"):
        ledger.put({"id": name})
    assert [ledger.get(name) is not None for name in ("a", "b", "c")] == [False, True, True]
    assert ledger.last_id == "c"
