from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from support.tones import tone

from voicechat.bench.calls.call import Call, Spoken
from voicechat.bench.calls.conversation import Stage, bars
from voicechat.bench.calls.fake import SilentLine
from voicechat.bench.calls.line import (
    Measured,
    ReplyBegan,
    ReplySound,
    Transcribed,
    TurnTaken,
)
from voicechat.bench.calls.mouth import Mouth, pink_noise
from voicechat.bench.calls.turns import measure_turn, summarize_turns
from voicechat.bench.calls.utterances import LEVEL_DBFS, Speaker, Utterance, make_utterance
from voicechat.client.playout import RATE_HZ

ENDS_MS = 3000.0


@pytest.fixture
def call() -> Call:
    return Call(SilentLine(), Mouth(0.0, None, 0))


@pytest.fixture
def spoken() -> Spoken:
    return Spoken(Utterance("question", Speaker.HUMAN, "Why?", tone(2000), 0.0, 2000.0), 1000.0, ENDS_MS)


def reply(call: Call, at_ms: float, item_id: str = "reply") -> None:
    """400 ms of a reply, 100 ms of them silent."""
    call.take(at_ms, ReplyBegan(f"response of {item_id}"))
    call.take(at_ms, ReplySound(f"response of {item_id}", item_id, np.zeros(2400, np.int16)))
    call.take(at_ms, ReplySound(f"response of {item_id}", item_id, tone(300)))
    call.ear.advance(at_ms + 1000)


def test_a_reply_is_timed_when_it_comes_and_when_it_is_heard(call: Call, spoken: Spoken) -> None:
    reply(call, ENDS_MS + 705)
    figures = measure_turn(call, 0, spoken)
    assert figures.arrived_ms == 705
    assert figures.audible_ms == pytest.approx(720 + 100, abs=1)
    assert figures.answered and not figures.cut_off


def test_a_turn_that_is_taken_while_words_are_to_come_is_cut_off(call: Call, spoken: Spoken) -> None:
    call.take(ENDS_MS - 500, TurnTaken("half"))
    call.take(ENDS_MS + 500, TurnTaken("whole"))
    assert measure_turn(call, 0, spoken).cut_off


def test_a_reply_that_begins_over_the_caller_is_a_cut_off(call: Call, spoken: Spoken) -> None:
    reply(call, ENDS_MS - 100)
    figures = measure_turn(call, 0, spoken)
    assert figures.cut_off and figures.answered and figures.arrived_ms is None


def test_silence_is_no_answer(call: Call, spoken: Spoken) -> None:
    figures = measure_turn(call, 0, spoken)
    assert not figures.answered and figures.audible_ms is None


def test_what_was_said_before_does_not_count(call: Call, spoken: Spoken) -> None:
    call.take(500, TurnTaken("before"))
    call.take(500, Transcribed("before", "Hello.", is_final=True))
    figures = measure_turn(call, 0, spoken)
    assert figures.turn_taken_ms is None and figures.text == ""


def test_words_stand_when_they_last_became_the_final_ones(call: Call, spoken: Spoken) -> None:
    for after_ms, text in ((100, "why"), (200, "why not"), (300, "why")):
        call.take(ENDS_MS + after_ms, Transcribed("turn", text, is_final=False))
    call.take(ENDS_MS + 600, Transcribed("turn", "why", is_final=True))
    figures = measure_turn(call, 0, spoken)
    assert (figures.words_ms, figures.final_ms) == (300, 600)


def test_what_the_server_says_of_itself_stands_beside(call: Call, spoken: Spoken) -> None:
    reply(call, ENDS_MS + 700)
    call.take(ENDS_MS + 710, Measured("response of reply", {"llm": 200.0}))
    assert measure_turn(call, 0, spoken).server_ms == {"llm": 200.0}


def test_a_summary_counts_what_should_not_happen_and_leaves_it_out_of_the_times(call: Call, spoken: Spoken) -> None:
    silent = measure_turn(call, 0, spoken)
    call.take(ENDS_MS - 500, TurnTaken("half"))
    reply(call, ENDS_MS + 100)
    cut = measure_turn(call, 0, spoken)
    told = summarize_turns([silent, cut])
    assert (told["turns"], told["cut_off"], told["unanswered"], told["audible_ms"]) == (2, 1, 1, None)


def test_a_crowd_is_held_against_one_caller(call: Call, spoken: Spoken) -> None:
    reply(call, ENDS_MS + 500)
    quick = measure_turn(call, 0, spoken)
    slow = replace(quick, audible_ms=(quick.audible_ms or 0) * 3)
    one = Stage("voicechat", 1, None, 0, [quick], [], [])
    crowd = Stage("voicechat", 4, None, 16, [slow], [], [])
    told = {bar.what: bar.met for bar in bars([one, crowd])}
    assert told["4 talking and 16 listening: reply audible p95, times that of one caller"] is False
    assert told["4 talking and 16 listening: replies with gaps"] is True
    assert len(bars([one])) == 4


def test_an_utterance_is_cut_to_its_speech_and_levelled() -> None:
    pcm = np.concatenate([np.zeros(RATE_HZ, np.int16), tone(2000, level=0.01), np.zeros(RATE_HZ, np.int16)])
    said = make_utterance("tone", Speaker.HUMAN, "", pcm)
    assert said is not None
    assert (said.onset_ms, said.end_ms) == (200.0, 2200.0)
    voiced = said.pcm[: round(2200 * 24)][200 * 24 :] / 32768
    assert 20 * np.log10(np.sqrt(np.mean(np.square(voiced)))) == pytest.approx(LEVEL_DBFS, abs=0.2)


def test_a_silent_recording_is_no_utterance() -> None:
    assert make_utterance("nothing", Speaker.HUMAN, "", np.zeros(RATE_HZ, np.int16)) is None


def test_noise_is_as_loud_as_asked_and_the_same_for_a_seed() -> None:
    noise = pink_noise(-36.0, seed=1)
    assert 20 * np.log10(np.sqrt(np.mean(np.square(noise)))) == pytest.approx(-36.0, abs=0.01)
    assert np.array_equal(noise, pink_noise(-36.0, seed=1))


async def test_a_caller_speaks_at_the_pace_of_the_clock_and_knows_when(spoken: Spoken) -> None:
    loop = asyncio.get_running_loop()
    mouth = Mouth(loop.time() - 1.0, None, 0)
    frames = mouth.frames()
    first = [await anext(frames) for _ in range(3)]
    said = spoken.utterance
    assert not any(frame.any() for frame in first)
    assert mouth.say(said) == (60.0 + said.onset_ms, 60.0 + said.end_ms)
    assert np.array_equal(await anext(frames), said.pcm[:480])
