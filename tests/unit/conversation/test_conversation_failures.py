from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from support.conversation import Caller, Play, speech

from voicechat.asr.port import EarsError
from voicechat.conversation.fake import Line
from voicechat.conversation.port import (
    CommandRefused,
    ConversationConfig,
    ConversationFailed,
    ReplyFinished,
    ReplyStatus,
    TurnCommitted,
    TurnDiscarded,
)
from voicechat.fleet.fake import FakeFleet
from voicechat.fleet.port import VoiceError

COUNT = "one two three four five six seven eight nine ten eleven twelve."


def manual(config: ConversationConfig) -> ConversationConfig:
    return replace(config, turn_detection=None)


def refusal(command: Callable[[], object]) -> str:
    with pytest.raises(CommandRefused) as refused:
        command()
    return refused.value.code


def test_a_mind_that_is_down_fails_one_reply_and_the_next_works(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        for count in range(1, 7):
            caller.session.create_reply()
            await caller.until(ReplyFinished, count)

    caller = play(scene, says=[*[Line(fails=True)] * 5, "Back."])

    statuses = [event.status for event in caller.all(ReplyFinished)]
    assert statuses == [*[ReplyStatus.FAILED] * 5, ReplyStatus.COMPLETED]
    failed = caller.all(ConversationFailed)
    assert len(failed) == 5
    assert {(event.code, event.fatal) for event in failed} == {("mind_failed", False)}


def test_a_voice_that_dies_in_the_middle_fails_its_reply_and_keeps_what_was_heard(play: Play) -> None:
    fleet = FakeFleet(fail_after_ms=1500)

    async def scene(caller: Caller) -> None:
        caller.session.create_reply()
        await caller.until(ReplyFinished)
        fleet.fail_after_ms = None
        caller.session.create_reply()
        await caller.until(ReplyFinished, 2)

    caller = play(scene, says=[COUNT, "Back."], fleet=fleet)

    first, second = caller.all(ReplyFinished)
    assert (first.status, first.reason, first.text) == (
        ReplyStatus.FAILED,
        "voice_unavailable",
        "one two three four five",
    )
    assert second.text == "Back."
    assert [event.code for event in caller.all(ConversationFailed)] == ["voice_unavailable"]


def test_a_voice_that_cannot_be_reached_fails_the_reply(play: Play) -> None:
    fleet = FakeFleet(refuse_with=VoiceError("NOT_FOUND", "no such voice"))

    async def scene(caller: Caller) -> None:
        caller.session.create_reply()
        await caller.until(ReplyFinished)
        fleet.refuse_with = None
        caller.session.create_reply()
        await caller.until(ReplyFinished, 2)

    caller = play(scene, says=[COUNT, "Back."], fleet=fleet)

    assert [event.status for event in caller.all(ReplyFinished)] == [ReplyStatus.FAILED, ReplyStatus.COMPLETED]
    assert "no such voice" in caller.all(ConversationFailed)[0].message


def test_ears_that_fail_lose_one_turn(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(0.5)
        await caller.say(1.0)
        await caller.until(ConversationFailed)
        await caller.wait(1.0)
        await caller.say(1.0)
        await caller.until(ReplyFinished)

    caller = play(scene, heard=[EarsError("the model is gone"), "Hello?"], says=["Hello."])

    assert [(e.code, e.fatal) for e in caller.all(ConversationFailed)] == [("ears_failed", False)]
    assert len(caller.all(TurnDiscarded)) == 1
    assert [item.text for item in caller.session.history] == ["Hello?", "Hello."]


def test_ears_that_fail_in_a_manual_turn_let_the_reply_be_asked_for_again(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.push_audio(speech(1.0), 16_000)
        caller.session.commit_turn()
        await caller.until(ConversationFailed)
        caller.session.push_audio(speech(1.0), 16_000)
        caller.session.commit_turn()
        caller.session.create_reply()
        await caller.until(ReplyFinished)

    caller = play(scene, heard=[EarsError("the model is gone"), "Hello?"], says=["Hello."], configure=manual)

    assert [item.text for item in caller.session.history] == ["Hello?", "Hello."]


def refuse(stream: object, patch: pytest.MonkeyPatch) -> None:
    def flush() -> None:
        raise EarsError("256 recognitions wait already")

    patch.setattr(stream, "flush", flush)


def test_ears_that_are_too_busy_for_a_turn_hear_the_next(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(caller: Caller) -> None:
        refuse(caller.ears.streams[-1], monkeypatch)
        await caller.wait(0.5)
        await caller.say(1.0)
        await caller.until(ConversationFailed)
        await caller.wait(1.0)
        await caller.say(1.0)
        await caller.until(ReplyFinished)

    caller = play(scene, heard=["Hello?"], says=["Hello."])

    assert [(e.code, e.fatal) for e in caller.all(ConversationFailed)] == [("ears_failed", False)]
    assert [item.text for item in caller.session.history] == ["Hello?", "Hello."]


def test_ears_that_are_too_busy_refuse_a_manual_turn_which_can_be_committed_later(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.push_audio(speech(1.0), 16_000)
        with monkeypatch.context() as patch:
            refuse(caller.ears.streams[-1], patch)
            assert refusal(caller.session.commit_turn) == "ears_busy"
        caller.session.commit_turn()
        caller.session.create_reply()
        await caller.until(ReplyFinished)

    caller = play(scene, heard=["Hello?"], says=["Hello."], configure=manual)

    assert len(caller.all(TurnCommitted)) == 1
    assert [item.text for item in caller.session.history] == ["Hello?", "Hello."]


def test_words_that_come_too_late_are_not_those_of_the_next_turn(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.push_audio(speech(2.0), 16_000)
        slow = caller.ears.streams[-1]
        with monkeypatch.context() as patch:
            patch.setattr(slow, "flush", lambda: None)
            caller.session.commit_turn()
        await caller.until(ConversationFailed, seconds=40.0)
        slow.flush()
        caller.session.push_audio(speech(1.0), 16_000)
        caller.session.commit_turn()
        caller.session.create_reply()
        await caller.until(ReplyFinished)

    caller = play(scene, heard=["Old words.", "New words."], says=["Hello."], configure=manual)

    assert [item.text for item in caller.session.history] == ["New words.", "Hello."]
