from __future__ import annotations

import numpy as np
import pytest
from support.tones import tone

from voicechat.audio.pcm import Pcm16
from voicechat.bench.calls.call import Call, Spoken
from voicechat.bench.calls.fake import SilentLine
from voicechat.bench.calls.interruption import (
    InterruptionFigures,
    measure_interruption,
    sent_audio,
    summarize_interruptions,
)
from voicechat.bench.calls.line import Paused, ReplyBegan, ReplyOver, ReplySound, SoundVoid
from voicechat.bench.calls.mouth import Mouth
from voicechat.bench.calls.tap import TappedReply, TimedWord
from voicechat.bench.calls.utterances import Speaker, Utterance

ONSET_MS = 1000.0
GIVEN = TappedReply(
    [tone(3000)],
    "Once upon a time there was.",
    [TimedWord(4, 0.0, 400.0), TimedWord(9, 400.0, 800.0), TimedWord(11, 800.0, 1200.0), TimedWord(16, 1200.0, 2000.0)],
)
INTERRUPTION = Spoken(Utterance("no", Speaker.HUMAN, "No.", tone(500), 0.0, 500.0), ONSET_MS, 1500.0)


def call_with_reply(*gains: tuple[float, float]) -> Call:
    """A call whose reply comes in ticks just in time, each with the gain that holds from a time on."""
    call = Call(SilentLine(), Mouth(0.0, None, 0))
    call.take(0.0, ReplyBegan("r"))
    pcm = GIVEN.pcm
    for tick in range(150):
        gain = [gain for since_ms, gain in gains if since_ms <= tick * 20][-1]
        if gain == 0.0:
            break
        call.take(tick * 20.0, ReplySound("r", "item", (pcm[tick * 480 : (tick + 1) * 480] * gain).astype(np.int16)))
    call.ear.advance(4000.0)
    return call


def figures(call: Call, kept: str | None = None, given: TappedReply | None = GIVEN) -> InterruptionFigures:
    return measure_interruption(call, 0, INTERRUPTION, "item", given, kept)


def test_ducked_is_the_first_tick_heard_5_db_below_what_the_worker_gave() -> None:
    call = call_with_reply((0, 1.0), (1060, 0.7), (1100, 0.5), (1200, 0.0))
    found = figures(call)
    assert found.ducked_ms == 100.0
    assert found.silent_ms == pytest.approx(200.0, abs=1)


def test_a_reply_that_falls_silent_at_once_was_ducked_by_that() -> None:
    call = call_with_reply((0, 1.0), (1080, 0.0))
    found = figures(call)
    assert found.ducked_ms == found.silent_ms == pytest.approx(80.0, abs=1)


def test_without_the_worker_nobody_knows_how_loud_it_would_have_been() -> None:
    assert figures(call_with_reply((0, 1.0), (1080, 0.0)), given=None).ducked_ms is None


def test_what_is_sent_after_the_decision_to_hold_counts_from_it() -> None:
    call = call_with_reply((0, 1.0), (1200, 0.0))
    call.take(1170.0, Paused())
    assert figures(call).decision_to_sent_ms == 10.0


def test_audio_after_the_clear_is_stale_and_the_turn_is_taken() -> None:
    call = call_with_reply((0, 1.0), (1200, 0.0))
    call.take(1300.0, SoundVoid("item"))
    call.take(1400.0, ReplySound("r", "item", tone(20)))
    found = figures(call)
    assert (found.taken, found.stale, found.cleared_ms) == (True, 1, 300.0)


def test_a_reply_that_came_to_its_end_was_not_interrupted() -> None:
    call = call_with_reply((0, 1.0))
    call.take(3000.0, ReplyOver("r", completed=True))
    assert not figures(call).taken


@pytest.mark.parametrize(
    ("kept", "exact", "close"),
    [("Once upon a", 1, 1), ("Once upon", 0, 1), ("Once", 0, 0), ("Once more a", 0, 0)],
)
def test_history_is_held_against_the_words_that_the_caller_heard(kept: str, exact: int, close: int) -> None:
    call = call_with_reply((0, 1.0), (1200, 0.0))
    call.take(1300.0, SoundVoid("item"))
    told = summarize_interruptions([figures(call, kept)])
    assert (told["histories"], told["histories_exact"], told["histories_within_one_word"]) == (1, exact, close)


def test_all_that_came_of_an_item_is_what_was_sent() -> None:
    call = call_with_reply((0, 1.0), (200, 0.0))
    sent: Pcm16 = sent_audio(call, "item")
    assert np.array_equal(sent, GIVEN.pcm[: 200 * 24])


def test_a_word_without_a_time_of_its_own_counts_with_the_next() -> None:
    reply = TappedReply([], "the story of a sailor", [TimedWord(12, 0.0, 500.0), TimedWord(21, 500.0, 900.0)])
    assert [len(reply.words_until(heard_ms)) for heard_ms in (0.0, 300.0, 800.0)] == [0, 3, 5]
