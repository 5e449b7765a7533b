from __future__ import annotations

from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest

from voicechat.api.measured import ConversationMetrics, SessionWatch
from voicechat.conversation.fake_conversation import DEFAULT_CONFIG, FakeConversation, FakeFactory
from voicechat.conversation.listened import ListenedFactory
from voicechat.conversation.port import (
    ConversationEvent,
    ConversationFailed,
    ReplyFinished,
    ReplyStatus,
    TurnCommitted,
    TurnMeasured,
)
from voicechat.observability.sla import Sla


class Clock:
    now_s = 10.0

    def __call__(self) -> float:
        return self.now_s


def finished(status: ReplyStatus, reason: str) -> ReplyFinished:
    return ReplyFinished("r1", "i1", status, reason, "", audio_ms=0)


async def held(*events: ConversationEvent, typed: bool = False) -> str:
    """What is shown of a conversation of 42 s in which these things happened."""
    registry, clock = CollectorRegistry(), Clock()

    def script(conversation: FakeConversation) -> None:
        conversation.emit(*events)

    metrics = ConversationMetrics(registry, Sla(registry, clock), clock)
    conversation = await ListenedFactory(FakeFactory(prepare=script), lambda: SessionWatch(metrics)).open(
        DEFAULT_CONFIG
    )
    if typed:
        conversation.add_text("user", "Hello.")
        conversation.add_text("system", "Be brief.")
    heard = conversation.events()
    assert [await anext(heard) for _ in events] == list(events)
    clock.now_s += 42.0
    await conversation.aclose()
    await conversation.aclose()
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]  # the library types only its other format
    return text.decode()


async def test_a_conversation_counts_once_with_its_length_and_its_messages() -> None:
    text = await held(TurnCommitted("i0", None), finished(ReplyStatus.COMPLETED, "stop"), typed=True)
    assert "session_duration_seconds_sum 42.0\n" in text
    assert "session_duration_seconds_count 1.0\n" in text
    assert "session_messages_sum 3.0\n" in text
    assert "session_barge_ins_sum 0.0\n" in text


async def test_only_replies_that_the_person_cut_are_barge_ins() -> None:
    cut = finished(ReplyStatus.CANCELLED, "turn_detected")
    text = await held(
        cut,
        finished(ReplyStatus.CANCELLED, "client_cancelled"),
        ConversationFailed("too long", "session_expired", fatal=True),
        cut,
    )
    assert "session_barge_ins_sum 1.0\n" in text
    assert "session_messages_sum 3.0\n" in text


async def test_a_turn_is_shown_by_stage_with_the_id_that_finds_it() -> None:
    text = await held(TurnMeasured("resp_7", {"total": 640.0, "llm": 210.0, "unheard_of": 1.0}))
    assert 'voicechat_turn_latency_seconds_sum{stage="total"} 0.64\n' in text
    assert 'voicechat_turn_latency_seconds_count{stage="llm"} 1.0\n' in text
    assert "unheard_of" not in text
    assert 'turn_id="resp_7"' in text


def test_what_the_inside_of_a_conversation_measures_is_shown() -> None:
    registry = CollectorRegistry()
    metrics = ConversationMetrics(registry, Sla(registry))
    metrics.ticked(0.004)
    metrics.looped(0.002)
    metrics.ran_dry()
    metrics.ducked(0.2)
    metrics.silenced(0.01)
    metrics.silenced(0.06)
    shown = registry.get_sample_value
    assert shown("voicechat_tick_lateness_seconds_sum") == 0.004
    assert shown("voicechat_loop_lateness_seconds_sum") == 0.002
    assert shown("voicechat_playout_underruns_total") == 1
    assert shown("barge_in_latency_seconds_bucket", {"stage": "duck", "le": "0.25"}) == 1
    assert shown("barge_in_latency_seconds_bucket", {"stage": "stop", "le": "0.05"}) == 1
    assert shown("sla_violations_total", {"objective": "barge_in"}) == 1, "to be quieter is no promise"
    assert shown("sla_compliance_percent") == 50
