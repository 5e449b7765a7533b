from __future__ import annotations

import pytest
from support.conversation import Caller, Play

from voicechat.conversation.port import ReplyFinished, ReplyOptions, TurnMeasured
from voicechat.observability.traces import Span, trace_to

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Kept:
    def __init__(self) -> None:
        self.spans: list[Span] = []

    def record(self, span: Span) -> None:
        self.spans.append(span)

    def named(self, name: str, trace_id: int) -> Span:
        (found,) = [span for span in self.spans if span.name == name and span.context.trace_id == trace_id]
        return found


async def one_question(caller: Caller) -> None:
    await caller.wait(0.5)
    await caller.say(1.0)
    await caller.until(ReplyFinished)


def test_the_steps_to_the_first_audio_add_up_to_what_the_client_is_told(play: Play) -> None:
    kept = Kept()
    with trace_to(kept):
        caller = play(one_question, heard=["What is the time?"], says=["It is noon now."])
    measured: TurnMeasured = caller.all(TurnMeasured)[0]
    assert measured.trace_id is not None
    trace_id = int(measured.trace_id, 16)
    turn, playout = kept.named("turn", trace_id), kept.named("playout", trace_id)
    (mind,) = [span for span in kept.spans if span.name.startswith("chat ") and span.context.trace_id == trace_id]
    voice = kept.named("voice", trace_id)
    ways = [turn.begin_s, mind.begin_s, voice.begin_s, playout.begin_s, dict(playout.events)["first audio sent"]]
    assert ways == sorted(ways)
    assert 1000 * (ways[-1] - ways[0]) == pytest.approx(measured.stages_ms["total"], abs=0.1)
    assert turn.attributes["voicechat.turn.id"] == measured.reply_id
    assert turn.attributes["voicechat.turn.latency_ms"] == pytest.approx(measured.stages_ms["total"], abs=0.1)
    assert turn.attributes["voicechat.turn.status"] == "completed"
    children = [span for span in kept.spans if span.context.trace_id == trace_id and span is not turn]
    assert {span.parent_id for span in children} == {turn.context.span_id}
    assert {"endpointing", "ears", "voice", "playout"} <= {span.name for span in children}


def test_no_words_of_anybody_are_in_a_span(play: Play) -> None:
    kept = Kept()
    with trace_to(kept):
        play(one_question, heard=["What is the secret?"], says=["It is swordfish."])
    assert kept.spans
    assert not any(word in repr(kept.spans) for word in ("secret", "swordfish"))


def test_a_client_may_put_a_reply_below_a_span_of_its_own(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.add_text("user", "What is the time?")
        caller.session.create_reply(ReplyOptions(metadata={"traceparent": CALLER}))
        await caller.until(ReplyFinished)

    kept = Kept()
    with trace_to(kept, ratio=0.0):
        play(scene, says=["It is noon now."])
    turn = kept.named("turn", 0x0AF7651916CD43DD8448EB211C80319C)
    assert turn.parent_id == 0xB7AD6B7169203331


def test_without_a_collector_a_turn_has_no_trace(play: Play) -> None:
    caller = play(one_question, heard=["What is the time?"], says=["It is noon now."])
    assert caller.all(TurnMeasured)[0].trace_id is None
