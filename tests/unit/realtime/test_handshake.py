from __future__ import annotations

from voicechat.transports.realtime.handshake import read_handshake
from voicechat.transports.realtime.items import ItemLedger


def test_the_session_of_a_client_secret_holds_from_the_start() -> None:
    fixed = {"type": "realtime", "instructions": "Be brief.", "model": "gpt-realtime-mini"}
    handshake = read_handshake({}, [], fixed)
    assert (handshake.session, handshake.model) == (fixed, "gpt-realtime-mini")


def test_the_subprotocol_is_only_chosen_where_it_was_offered() -> None:
    assert read_handshake({}, [], {}).subprotocol is None
    assert read_handshake({}, ["realtime"], {}).subprotocol == "realtime"


def test_the_oldest_items_are_forgotten_first() -> None:
    ledger = ItemLedger(limit=2)
    for name in ("a", "b", "c"):
        ledger.put({"id": name})
    assert [ledger.get(name) is not None for name in ("a", "b", "c")] == [False, True, True]
    assert ledger.last_id == "c"
