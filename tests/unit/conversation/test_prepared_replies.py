"""A reply is prepared from what was guessed in a pause, before the turn is decided."""

from __future__ import annotations

from support.conversation import Caller, Play
from support.guessing import GuessingEars

from voicechat.conversation.fake import Line
from voicechat.conversation.port import ReplyAudio, ReplyFinished, ReplyStarted, TurnCommitted

SLOW_S = 0.3
"""A mind that needs this long has nothing to say at 500 ms of silence, unless it began before the words were final."""


def first_at(caller: Caller, kind: type) -> float:
    return next(at for event, at in zip(caller.events, caller.at, strict=True) if isinstance(event, kind))


def test_a_reply_is_ready_when_the_turn_is_decided(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(0.5)
        await caller.say(1.0)
        await caller.until(ReplyFinished)

    caller = play(scene, heard=["What is the time?"], says=[Line("It is noon.", first_s=SLOW_S)], ears=GuessingEars)

    assert first_at(caller, ReplyAudio) - first_at(caller, TurnCommitted) < 0.05
    assert len(caller.mind.told) == 1
    assert [item.text for item in caller.session.history] == ["What is the time?", "It is noon."]


def test_who_goes_on_is_not_answered_for_half_of_it(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(0.5)
        await caller.say(1.0)
        await caller.wait(0.4)
        await caller.say(1.0)
        await caller.until(ReplyFinished)

    heard = ["I would like", "I would like a cup of tea."]
    says = [Line("What?", first_s=SLOW_S), Line("Sure.", first_s=SLOW_S)]
    caller = play(scene, heard=heard, says=says, ears=GuessingEars)

    assert len(caller.all(ReplyStarted)) == 1
    assert [item.text for item in caller.session.history] == ["I would like a cup of tea.", "Sure."]
    assert [told.messages()[-1].raw_text_content for told in caller.mind.told] == heard


def test_a_pause_too_short_to_be_noticed_leaves_no_reply_to_half_of_it(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(0.5)
        await caller.say(1.0)
        await caller.wait(0.2)
        await caller.say(1.0)
        await caller.until(ReplyFinished)

    says = [Line("What?", first_s=SLOW_S), Line("Sure.", first_s=SLOW_S)]
    caller = play(scene, heard=["I would like tea."], says=says, ears=GuessingEars)

    assert [event.text for event in caller.all(ReplyFinished)] == ["Sure."]


def test_a_guess_at_what_is_said_over_a_reply_prepares_nothing(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(2.5)
        await caller.say(1.0)
        await caller.until(ReplyAudio)
        await caller.wait(1.0)
        await caller.say(0.4)
        await caller.until(ReplyFinished)

    text = "one two three four five six seven eight nine ten."
    caller = play(scene, heard=["Count.", "Mm-hm."], says=[text], ears=GuessingEars)

    assert [event.text for event in caller.all(ReplyFinished)] == [text]
    assert len(caller.mind.told) == 1
