from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise

import pytest
from support.conversation import Caller, Play

from voicechat.asr.fake import ScriptedStream
from voicechat.asr.port import Transcript
from voicechat.conversation.fake import RecordingMeter
from voicechat.conversation.port import (
    ConversationConfig,
    ReplyAudio,
    ReplyCleared,
    ReplyFinished,
    ReplyStarted,
    ReplyStatus,
    SpeechBegan,
    SpeechEnded,
    StateChanged,
    TurnCommitted,
    TurnDiscarded,
    TurnMeasured,
    UserTranscript,
)


def test_a_question_is_answered_aloud_and_both_are_kept(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(0.5)
        await caller.say(1.0)
        await caller.until(ReplyFinished)

    caller = play(scene, heard=["What is the time?"], says=["It is noon now."])

    assert [(item.role, item.text) for item in caller.session.history] == [
        ("user", "What is the time?"),
        ("assistant", "It is noon now."),
    ]
    finished = caller.all(ReplyFinished)[0]
    assert (finished.status, finished.text, finished.audio_ms) == (ReplyStatus.COMPLETED, "It is noon now.", 1200)
    assert caller.all(UserTranscript)[-1].is_final
    assert [name for name in caller.names() if name != "StateChanged"] == [
        "SpeechBegan", "SpeechEnded", "UserTranscript", "TurnCommitted", "UserTranscript",
        "ReplyStarted", "ReplyText", "ReplyAudio", "TurnMeasured", "ReplyAudio", "ReplyAudio", "ReplyFinished",
    ]  # fmt: skip
    assert [event.state for event in caller.all(StateChanged)] == [
        "listening", "thinking", "speaking", "listening", "terminated"
    ]  # fmt: skip


def test_talking_over_a_reply_cuts_it_at_the_last_word_heard(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(2.5)
        await caller.say(1.0)
        await caller.until(ReplyAudio)
        await caller.wait(3.0)
        await caller.say(1.0)
        await caller.until(ReplyFinished, 2)

    story = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    caller = play(scene, heard=["Count.", "Stop, say hello."], says=[story, "Hello."])

    first, second = caller.all(ReplyFinished)
    assert (first.status, first.reason) == (ReplyStatus.CANCELLED, "turn_detected")
    # Words last 300 ms; the person began 3 s into the reply and was noticed some 170 ms later.
    assert first.text == "one two three four five six seven eight nine ten eleven"
    assert 3100 <= first.audio_ms <= 3300
    assert second.status is ReplyStatus.COMPLETED
    assert [(item.role, item.text) for item in caller.session.history] == [
        ("user", "Count."),
        ("assistant", first.text),
        ("user", "Stop, say hello."),
        ("assistant", "Hello."),
    ]
    assert [m.raw_text_content for m in caller.mind.told[1].messages()][1:] == [
        "Count.",
        first.text,
        "Stop, say hello.",
    ]
    assert "INTERRUPTED" in [event.state.name for event in caller.all(StateChanged)]
    assert [event.item_id for event in caller.all(ReplyCleared)] == [first.item_id]


def test_speech_over_a_reply_ducks_it_before_it_pauses(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(2.5)
        await caller.say(1.0)
        await caller.until(ReplyAudio)
        await caller.wait(2.0)
        caller.mark = len(caller.events)
        await caller.say(1.0)
        await caller.until(ReplyFinished)

    caller = play(
        scene, heard=["Count.", "No, wait."], says=["one two three four five six seven eight nine ten.", "Yes?"]
    )

    after = [event for event in caller.events[caller.mark :] if isinstance(event, ReplyAudio)]
    levels = [int(abs(event.pcm).max()) for event in after if event.reply_id == after[0].reply_id]
    assert levels[0] > 2900
    assert any(1400 <= level <= 1600 for level in levels)
    assert min(levels) < 400
    assert len(levels) <= 10


def test_a_reply_pauses_when_speech_has_lasted_from_its_true_onset(play: Play) -> None:
    onsets: list[float] = []

    async def scene(caller: Caller) -> None:
        await caller.wait(2.5)
        await caller.say(1.0)
        await caller.until(ReplyAudio)
        for _ in range(4):
            await caller.wait(1.01)
            onsets.append(asyncio.get_running_loop().time())
            await caller.say(0.5)
        await caller.until(ReplyFinished)

    caller = play(
        scene, heard=["Count.", "", "", "", ""], says=["one two three four five six seven eight nine ten eleven twelve"]
    )

    states = [
        (at, event) for event, at in zip(caller.events, caller.at, strict=True) if isinstance(event, StateChanged)
    ]
    paused = [at for at, event in states if event.state.name == "INTERRUPTED"]
    # The caller's frames arrive as they begin, 20 ms before they could have been recorded; a window is 32 ms.
    assert [at - onset for at, onset in zip(paused, onsets, strict=True)] == [pytest.approx(0.13, abs=0.033)] * 4


def test_how_soon_a_reply_yields_is_measured(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(2.5)
        await caller.say(1.0)
        await caller.until(ReplyAudio)
        await caller.wait(2.0)
        await caller.say(1.0)
        await caller.until(ReplyFinished)

    meter = RecordingMeter()
    story = "one two three four five six seven eight nine ten."
    play(scene, heard=["Count.", "No, wait."], says=[story, "Yes?"], meter=meter)

    assert len(meter.ducks) == len(meter.stops) == 1
    assert 0 <= meter.ducks[0] <= 0.02, "a tick is 20 ms"
    assert 0 <= meter.stops[0] <= 0.001, "the engine pauses as soon as it is told"
    assert len(meter.ticks) > 100
    assert meter.dry == 0


def test_a_sound_that_does_not_last_ducks_the_reply_and_pauses_nothing(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(2.5)
        await caller.say(1.0)
        await caller.until(ReplyAudio)
        await caller.wait(2.0)
        caller.mark = len(caller.events)
        await caller.say(0.06)
        await caller.until(ReplyFinished)

    caller = play(scene, heard=["Count.", ""], says=["one two three four five six seven eight nine ten."])

    levels = [int(abs(event.pcm).max()) for event in caller.events[caller.mark :] if isinstance(event, ReplyAudio)]
    assert min(levels) < 1600
    assert levels[-1] > 2900
    assert "INTERRUPTED" not in [event.state.name for event in caller.all(StateChanged)]


def test_a_backchannel_over_a_reply_takes_no_turn_and_the_reply_goes_on(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(2.5)
        await caller.say(1.0)
        await caller.until(ReplyAudio)
        await caller.wait(2.0)
        await caller.say(0.4)
        await caller.until(ReplyFinished)

    text = "one two three four five six seven eight nine ten."
    caller = play(scene, heard=["Count.", "Mm-hm."], says=[text])

    finished = caller.all(ReplyFinished)
    assert [(event.status, event.text) for event in finished] == [(ReplyStatus.COMPLETED, text)]
    assert len(caller.all(TurnDiscarded)) == 1
    assert [item.role for item in caller.session.history] == ["user", "assistant"]
    offsets = [event.offset_ms for event in caller.all(ReplyAudio)]
    assert offsets == [20.0 * index for index in range(150)]
    assert [event.state.name for event in caller.all(StateChanged)][3:5] == ["INTERRUPTED", "SPEAKING"]


def test_a_noise_over_a_reply_resumes_it_where_it_stopped(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(2.5)
        await caller.say(1.0)
        await caller.until(ReplyAudio)
        await caller.wait(2.0)
        await caller.say(0.5)
        await caller.until(ReplyFinished)

    text = "one two three four five six seven eight nine ten."
    caller = play(scene, heard=["Count.", ""], says=[text])

    assert [event.text for event in caller.all(ReplyFinished)] == [text]
    assert [event.offset_ms for event in caller.all(ReplyAudio)] == [20.0 * index for index in range(150)]


def test_the_reply_heard_back_through_the_microphone_takes_no_turn(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(2.5)
        await caller.say(1.0)
        await caller.until(ReplyAudio)
        await caller.wait(2.0)
        await caller.say(0.8)
        await caller.until(ReplyFinished)

    text = "one two three four five six seven eight nine ten."
    caller = play(scene, heard=["Count.", "Three, four five six."], says=[text])

    assert [event.text for event in caller.all(ReplyFinished)] == [text]
    assert len(caller.all(TurnDiscarded)) == 1


def test_okay_is_a_turn_when_nothing_is_being_said(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(0.5)
        await caller.say(0.5)
        await caller.until(ReplyFinished)

    caller = play(scene, heard=["Okay."], says=["Good."])

    assert [item.text for item in caller.session.history] == ["Okay.", "Good."]


def test_a_pause_shorter_than_the_endpoint_stays_one_turn(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(0.5)
        await caller.say(1.0)
        await caller.wait(0.4)
        await caller.say(1.0)
        await caller.until(ReplyFinished)

    heard = ["I would like", "I would like a cup of tea."]
    caller = play(scene, heard=heard, says=["What?", "Sure.", "Sure."])

    assert [item.text for item in caller.session.history if item.role == "user"] == ["I would like a cup of tea."]
    (committed,) = caller.all(TurnCommitted)
    assert {event.item_id for event in caller.all(SpeechBegan)} == {committed.item_id}
    assert len(caller.all(ReplyStarted)) == 1
    # The second stretch was recognised together with the first.
    assert caller.ears.streams[0].pushed_samples > 3.4 * 16_000


def test_a_noise_after_the_words_of_a_turn_does_not_lose_them(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(0.5)
        await caller.say(1.0)
        await caller.wait(0.4)
        await caller.say(0.3)
        await caller.until(ReplyFinished)

    caller = play(scene, heard=["A cup of tea.", ""], says=["Sure.", "Sure."])

    assert [item.text for item in caller.session.history] == ["A cup of tea.", "Sure."]
    assert len(caller.all(TurnCommitted)) == 1


@pytest.mark.parametrize("late_s", [0.1, 0.3, 0.6, 1.2])
def test_ears_that_take_their_time_get_the_whole_turn(play: Play, late_s: float) -> None:
    class LateStream(ScriptedStream):
        async def __aiter__(self) -> AsyncIterator[Transcript]:
            async for transcript in super().__aiter__():
                await asyncio.sleep(late_s)
                yield transcript

    async def scene(caller: Caller) -> None:
        await caller.wait(0.5)
        await caller.say(1.0)
        await caller.wait(0.4)
        await caller.say(1.0)
        await caller.until(ReplyFinished)
        await caller.wait(2.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("voicechat.asr.fake.ScriptedStream", LateStream)
        caller = play(scene, heard=["I would like", "I would like a cup of tea."], says=["Sure."] * 4)

    assert [item.text for item in caller.session.history] == ["I would like a cup of tea.", "Sure."]


def test_a_client_that_stops_sending_still_gets_its_answer(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(0.5)
        await caller.say(1.0)
        for _ in range(500):
            await asyncio.sleep(0.02)
            if caller.all(ReplyFinished):
                return
        raise AssertionError("no reply")

    play(scene, heard=["Hello?"], says=["Hello."])


def test_latency_is_told_by_stage(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(0.5)
        await caller.say(1.0)
        await caller.until(ReplyFinished)

    caller = play(scene, heard=["Hello?"], says=["Hello."])

    measured = caller.all(TurnMeasured)
    assert len(measured) == 1
    assert set(measured[0].stages_ms) == {"endpoint", "asr", "llm", "tts", "total"}
    assert 450 <= measured[0].stages_ms["endpoint"] <= 600
    assert measured[0].stages_ms["total"] <= 700


def test_the_end_of_speech_is_told_before_the_turn_is_decided(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(0.5)
        await caller.say(1.0)
        await caller.until(ReplyFinished)

    caller = play(scene, heard=["Hello?"], says=["Hello."])

    ended, committed = (caller.at[caller.events.index(caller.all(kind)[0])] for kind in (SpeechEnded, TurnCommitted))
    assert 0.2 <= committed - ended <= 0.3


def test_speech_that_goes_on_after_a_pause_begins_and_ends_again_in_one_turn(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(0.5)
        await caller.say(1.0)
        await caller.wait(0.35)
        await caller.say(1.0)
        await caller.until(ReplyFinished)

    caller = play(scene, heard=["Tell me", "Tell me more."], says=["Hello."])

    pairs = [event for event in caller.events if isinstance(event, SpeechBegan | SpeechEnded | TurnCommitted)]
    kinds = [type(event) for event in pairs]
    assert kinds == [SpeechBegan, SpeechEnded, SpeechBegan, SpeechEnded, TurnCommitted]
    assert len({event.item_id for event in pairs}) == 1


def test_a_reply_to_typed_words_is_measured_from_its_request(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.add_text("user", "Hello?")
        caller.session.create_reply()
        await caller.until(ReplyFinished)

    caller = play(scene, says=["Hello."])

    (measured,) = caller.all(TurnMeasured)
    assert set(measured.stages_ms) == {"llm", "tts", "total"}
    assert measured.stages_ms["llm"] <= measured.stages_ms["total"] <= 300


def test_in_the_first_seconds_only_words_stop_a_reply(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.create_reply()
        await caller.until(ReplyAudio)
        await caller.say(0.8)
        await caller.until(ReplyFinished)

    caller = play(scene, heard=["Stop, please."], says=["one two three four five six seven eight nine ten.", "Yes?"])

    sent_at = [at for event, at in zip(caller.events, caller.at, strict=True) if isinstance(event, ReplyAudio)]
    assert max(later - earlier for earlier, later in pairwise(sent_at[:40])) < 0.03
    assert caller.all(ReplyFinished)[0].status is ReplyStatus.CANCELLED


def test_a_client_may_forbid_interruptions(play: Play) -> None:
    def without_interruptions(config: ConversationConfig) -> ConversationConfig:
        assert config.turn_detection is not None
        return replace(config, turn_detection=replace(config.turn_detection, interrupt_response=False))

    async def scene(caller: Caller) -> None:
        await caller.wait(2.5)
        caller.session.create_reply()
        await caller.until(ReplyAudio)
        await caller.say(1.0)
        await caller.until(ReplyFinished)

    text = "one two three four five six seven eight nine ten."
    caller = play(scene, heard=[""], says=[text], configure=without_interruptions)

    assert [event.text for event in caller.all(ReplyFinished)] == [text]
    levels = {int(abs(event.pcm).max()) for event in caller.all(ReplyAudio)}
    assert min(levels) > 2500
