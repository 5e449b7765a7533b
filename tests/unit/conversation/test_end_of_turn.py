"""When a turn ends: what a judge says, and what is made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from livekit import rtc
from support.conversation import Caller, Play, silence, speech

from voicechat.audio.pcm import Pcm16
from voicechat.conversation.port import (
    ConversationConfig,
    ReplyFinished,
    ReplyStarted,
    SpeechBegan,
    SpeechEnded,
    TurnCommitted,
    TurnDiscarded,
)
from voicechat.conversation.smart_turn import WINDOW_SAMPLES, DetectorStream, JudgeThread, StreamingDetector
from voicechat.settings import Settings

JUDGED = Settings().conversation


class Judge:
    """Says what it was told to; at the end of the script, that the turn is over. `asked` keeps the audio."""

    def __init__(self, *script: float) -> None:
        self._script = list(script)
        self.asked: list[Pcm16] = []

    def __call__(self, pcm: Pcm16) -> float:
        self.asked.append(pcm)
        return self._script.pop(0) if self._script else 1.0


class InstantThread(JudgeThread):
    """Judges on the event loop: virtual time waits for no thread."""

    def __init__(self, judge: Callable[[Pcm16], float]) -> None:
        self._instant = judge

    async def ask(self, pcm: Pcm16) -> float:
        return self._instant(pcm)


def judged_by(judge: Judge) -> StreamingDetector:
    return StreamingDetector(InstantThread(judge), "scripted")


def seconds_between(caller: Caller, first: type, then: type) -> float:
    times = {type(event): at for event, at in zip(caller.events, caller.at, strict=True)}
    return times[then] - times[first]


def test_a_turn_that_sounds_finished_ends_after_a_short_silence(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.say(1.0)
        await caller.until(TurnCommitted)

    caller = play(scene, heard=["Hello there."], says=["Hello."], detector=judged_by(Judge(0.9)))
    from_noticed_s = JUDGED.finished_ms / 1000 - 0.25
    assert seconds_between(caller, SpeechEnded, TurnCommitted) == pytest.approx(from_noticed_s, abs=0.06)


def test_a_turn_that_sounds_unfinished_waits_for_the_rest(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.say(1.0)
        await caller.wait(0.7)
        await caller.say(1.0)
        await caller.until(TurnCommitted)
        await caller.until(ReplyFinished)

    caller = play(
        scene,
        heard=["I would like a table for four on Friday."],
        # The first may be thought of in the pause, and is thrown away.
        says=["Certainly.", "Certainly."],
        detector=judged_by(Judge(0.1, 0.9)),
    )
    assert len(caller.all(SpeechBegan)) == 2
    assert len(caller.all(ReplyStarted)) == 1
    assert [item.text for item in caller.session.history] == ["I would like a table for four on Friday.", "Certainly."]


def test_who_stays_silent_after_half_a_sentence_is_answered_in_the_end(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.say(1.0)
        await caller.until(TurnCommitted)

    caller = play(scene, heard=["I would like"], says=["Yes?"], detector=judged_by(Judge(0.1)))
    from_noticed_s = JUDGED.unfinished_ms / 1000 - 0.25
    assert seconds_between(caller, SpeechEnded, TurnCommitted) == pytest.approx(from_noticed_s, abs=0.06)


def test_a_client_that_asks_for_a_silence_gets_it_whatever_it_sounds_like(play: Play) -> None:
    def by_silence(config: ConversationConfig) -> ConversationConfig:
        assert config.turn_detection is not None
        turns = replace(config.turn_detection, silence_duration_ms=700, unfinished_ms=None)
        return replace(config, turn_detection=turns)

    async def scene(caller: Caller) -> None:
        await caller.say(1.0)
        await caller.until(TurnCommitted)

    judge = Judge(0.1)
    caller = play(scene, heard=["Hello"], says=["Hello."], detector=judged_by(judge), configure=by_silence)
    assert seconds_between(caller, SpeechEnded, TurnCommitted) == pytest.approx(0.45, abs=0.06)
    assert not judge.asked


def test_without_a_judge_the_silence_is_long_enough_to_be_sure(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.say(1.0)
        await caller.until(TurnCommitted)

    caller = play(scene, heard=["Hello"], says=["Hello."])
    assert seconds_between(caller, SpeechEnded, TurnCommitted) == pytest.approx(0.25, abs=0.06)


def test_a_reply_does_not_wait_for_a_judge_to_learn_that_it_was_only_coughed_at(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.say(1.0)
        await caller.until(ReplyStarted)
        await caller.wait(0.6)
        await caller.say(0.4)
        await caller.until(TurnDiscarded)
        await caller.until(ReplyFinished)

    words = "one two three four five six seven eight nine ten"
    caller = play(scene, heard=["Count.", ""], says=[words], detector=judged_by(Judge(0.9, 0.1)))
    assert caller.all(ReplyFinished)[0].text == words
    times = dict(zip((type(event) for event in caller.events), caller.at, strict=True))
    ended = [at for event, at in zip(caller.events, caller.at, strict=True) if isinstance(event, SpeechEnded)]
    assert times[TurnDiscarded] - ended[-1] < 0.1


def frame(pcm: Pcm16) -> rtc.AudioFrame:
    return rtc.AudioFrame(data=pcm.tobytes(), sample_rate=16_000, num_channels=1, samples_per_channel=pcm.size)


def hear(stream: DetectorStream, pcm: Pcm16) -> None:
    for begin in range(0, pcm.size, 320):
        stream.push_audio(frame(pcm[begin : begin + 320]))


async def test_a_judge_hears_the_turn_with_half_a_second_before_it() -> None:
    judge = Judge()
    stream = judged_by(judge).stream()
    hear(stream, silence(5.0))
    stream.cancel_inference()
    hear(stream, speech(1.0))
    await stream.predict()
    assert judge.asked[0].size == pytest.approx(1.5 * 16_000, abs=320)
    await stream.aclose()


async def test_a_judge_hears_the_last_eight_seconds_at_most() -> None:
    judge = Judge()
    stream = judged_by(judge).stream()
    stream.cancel_inference()
    hear(stream, speech(12.0))
    await stream.predict()
    assert judge.asked[0].size == pytest.approx(WINDOW_SAMPLES, abs=320)
    await stream.aclose()


async def test_the_next_turn_is_judged_without_the_one_before() -> None:
    judge = Judge()
    stream = judged_by(judge).stream()
    stream.cancel_inference()
    hear(stream, speech(3.0))
    stream.flush()
    stream.cancel_inference()
    hear(stream, speech(1.0))
    await stream.predict()
    assert judge.asked[0].size == 16_000
    await stream.aclose()


async def test_speech_that_goes_on_answers_the_question_with_no() -> None:
    stream = StreamingDetector(_Never(), "scripted").stream()
    answer = stream.predict()
    await asyncio.sleep(0)
    stream.cancel_inference()
    assert (await answer).end_of_turn_probability == 0.0
    await stream.aclose()


class _Never(JudgeThread):
    def __init__(self) -> None:
        pass

    async def ask(self, pcm: Pcm16) -> float:
        await asyncio.Event().wait()
        return float(np.nan)
