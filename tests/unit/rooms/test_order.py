"""What dispatches say."""

from __future__ import annotations

from voicechat.conversation.port import HistoryItem
from voicechat.transports.rooms.order import MAX_WORDS_CHARS, Order, read_order


def test_an_order_survives_the_way() -> None:
    history = (HistoryItem("a", "user", "Hello."), HistoryItem("b", "tool", "42"), HistoryItem("c", "assistant", "Hi."))
    order = Order(key="k1", session={"type": "realtime"}).continued("agent-1", "ann", history)
    assert read_order(order.encode()) == order
    assert [said.text for said in order.said] == ["Hello.", "Hi."]


def test_an_order_without_anything_is_short() -> None:
    assert Order().encode() == "{}"


def test_metadata_of_others_means_the_defaults() -> None:
    assert read_order("") == read_order("my own words") == read_order('{"mine": 1}') == Order()


def test_the_oldest_words_stay_behind() -> None:
    history = [HistoryItem(str(number), "user", "x" * (MAX_WORDS_CHARS // 4)) for number in range(6)]
    assert len(Order().continued("agent-1", "ann", history).said) == 4


def test_what_is_sent_for_afresh_knows_nothing_of_before() -> None:
    order = Order(key="k1").continued("agent-1", "ann", [HistoryItem("a", "user", "Hello.")])
    assert order.afresh() == Order(key="k1")
