from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from livekit.agents.llm import FunctionCall, FunctionCallOutput
from support.conversation import Caller, Play, silence, speech

from voicechat.conversation.fake import Line
from voicechat.conversation.port import (
    CommandRefused,
    ConversationConfig,
    ConversationFailed,
    FunctionTool,
    ItemTruncated,
    ReplyAudio,
    ReplyCleared,
    ReplyFinished,
    ReplyOptions,
    ReplyStarted,
    ReplyStatus,
    ReplyText,
    ReplyToolCall,
    TurnCommitted,
    UserTranscript,
)
from voicechat.conversation.state import IllegalMoveError
from voicechat.settings import ServerSettings, Settings

WEATHER = FunctionTool("weather", "The weather somewhere.", {"type": "object", "properties": {}})
COUNT = "one two three four five six seven eight nine ten eleven twelve."


def manual(config: ConversationConfig) -> ConversationConfig:
    return replace(config, turn_detection=None)


def refusal(command: Callable[[], object]) -> str:
    with pytest.raises(CommandRefused) as refused:
        command()
    return refused.value.code


def test_a_client_takes_turns_by_hand(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.push_audio(speech(2.0, 24_000), 24_000)
        caller.session.commit_turn()
        caller.session.create_reply()
        await caller.until(ReplyFinished)

    caller = play(scene, heard=["What is the time?"], says=["Noon."], configure=manual)

    assert [item.text for item in caller.session.history] == ["What is the time?", "Noon."]
    assert caller.all(TurnCommitted)[0].item_id == caller.all(UserTranscript)[-1].item_id
    assert caller.ears.streams[-1].pushed_samples > 31_000


def test_a_manual_turn_of_almost_nothing_is_refused(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.push_audio(silence(0.05), 16_000)
        assert refusal(caller.session.commit_turn) == "input_audio_buffer_commit_empty"

    play(scene, configure=manual)


def test_what_was_cleared_is_not_in_the_turn(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.push_audio(speech(1.0), 16_000)
        caller.session.clear_turn()
        assert refusal(caller.session.commit_turn) == "input_audio_buffer_commit_empty"

    caller = play(scene, configure=manual)

    assert caller.ears.streams[-1].clears == 1


def test_text_is_answered_when_a_reply_is_asked_for(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.add_text("user", "Hello?", "mine")
        caller.session.create_reply(ReplyOptions(metadata={"tag": "a"}, instructions="Be brief."))
        await caller.until(ReplyFinished)

    caller = play(scene, says=["Hello."])

    started = caller.all(ReplyStarted)[0]
    assert (started.previous_item_id, started.metadata) == ("mine", {"tag": "a"})
    assert [m.raw_text_content for m in caller.mind.told[0].messages()] == ["Be brief.", "Hello?"]
    assert [item.text for item in caller.session.history] == ["Hello?", "Hello."]


def test_the_mind_is_told_of_two_replies_in_a_row_as_one(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        for count in (1, 2, 3):
            caller.session.create_reply()
            await caller.until(ReplyFinished, count)

    caller = play(scene, says=["One.", "Two.", "Three."])

    assert [(m.role, m.raw_text_content) for m in caller.mind.told[2].messages()][1:] == [("assistant", "One.\nTwo.")]


def test_a_reply_in_text_only_makes_no_sound(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.create_reply(ReplyOptions(audio_reply=False))
        await caller.until(ReplyFinished)
        caller.session.create_reply()
        await caller.until(ReplyFinished, 2)

    caller = play(scene, says=["Quiet words.", "Loud words."])

    quiet, loud = caller.all(ReplyFinished)
    assert (quiet.text, quiet.audio_ms, quiet.status) == ("Quiet words.", 0, ReplyStatus.COMPLETED)
    assert "".join(e.delta for e in caller.all(ReplyText) if e.reply_id == quiet.reply_id) == "Quiet words."
    assert {event.reply_id for event in caller.all(ReplyAudio)} == {loud.reply_id}


def test_one_reply_at_a_time(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.create_reply()
        await caller.until(ReplyAudio)
        assert refusal(caller.session.create_reply) == "conversation_already_has_active_response"

    play(scene, says=[COUNT])


def test_a_reply_is_in_progress_as_soon_as_it_is_asked_for(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.create_reply()
        assert refusal(caller.session.create_reply) == "conversation_already_has_active_response"
        caller.session.cancel_reply()
        caller.session.create_reply()
        await caller.until(ReplyFinished, 2)

    caller = play(scene, says=["Next.", "Next."])

    first, second = caller.all(ReplyFinished)
    assert (first.status, first.reason, first.text) == (ReplyStatus.CANCELLED, "client_cancelled", "")
    assert (second.status, second.text) == (ReplyStatus.COMPLETED, "Next.")


def test_words_typed_over_a_reply_cut_it_and_are_answered(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.create_reply()
        await caller.until(ReplyAudio)
        await caller.wait(1.0)
        caller.session.cancel_reply()
        caller.session.add_text("user", "What else?")
        caller.session.create_reply()
        await caller.until(ReplyFinished, 2)

    caller = play(scene, says=[COUNT, "Nothing."])

    assert [item.text for item in caller.session.history] == ["one two three", "What else?", "Nothing."]
    assert [m.raw_text_content for m in caller.mind.told[1].messages()][1:] == ["one two three", "What else?"]


def test_a_cancelled_reply_keeps_what_was_heard_and_the_next_can_follow_at_once(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.create_reply()
        await caller.until(ReplyAudio)
        await caller.wait(1.0)
        caller.session.cancel_reply()
        caller.session.create_reply()
        await caller.until(ReplyFinished, 2)
        assert refusal(caller.session.cancel_reply) == "response_cancel_not_active"

    caller = play(scene, says=[COUNT, "Next."])

    first, second = caller.all(ReplyFinished)
    assert (first.status, first.reason, first.text) == (ReplyStatus.CANCELLED, "client_cancelled", "one two three")
    assert second.text == "Next."
    kinds = [type(event) for event in caller.events]
    assert kinds.index(ReplyCleared) < kinds.index(ReplyFinished)
    after_clear = caller.events[kinds.index(ReplyCleared) :]
    assert not [event for event in after_clear if isinstance(event, ReplyAudio) and event.reply_id == first.reply_id]


def test_a_reply_cancelled_before_its_first_word_is_heard_by_nobody(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.create_reply()
        await caller.until(ReplyStarted)
        caller.session.cancel_reply()
        await caller.until(ReplyFinished)

    caller = play(scene, says=[Line(COUNT, first_s=5.0)])

    finished = caller.all(ReplyFinished)[0]
    assert (finished.status, finished.text, finished.audio_ms) == (ReplyStatus.CANCELLED, "", 0)
    assert len(caller.all(ReplyCleared)) == 1
    assert caller.session.history == []


def test_cancelling_stops_the_voice(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.create_reply()
        await caller.until(ReplyAudio)
        caller.session.cancel_reply()
        await caller.until(ReplyFinished)

    caller = play(scene, says=[Line("One. Two. Three. Four. Five. Six.", word_s=0.5)])

    assert caller.fleet.streams[0].cancelled


def test_the_client_runs_the_functions_that_the_mind_asks_for(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.add_text("user", "How is the weather?")
        caller.session.create_reply()
        call = await caller.until(ReplyToolCall)
        await caller.until(ReplyFinished)
        caller.session.add_tool_output(call.call_id, "sunny")
        caller.session.create_reply()
        await caller.until(ReplyFinished, 2)
        assert refusal(lambda: caller.session.add_tool_output("call_x", "")) == "tool_call_not_found"

    caller = play(
        scene,
        says=[Line(tool="weather", arguments='{"place": "Oslo"}'), "It is sunny."],
        configure=lambda config: replace(config, tools=(WEATHER,), tool_choice="weather"),
    )

    call = caller.all(ReplyToolCall)[0]
    assert (call.name, call.arguments) == ("weather", '{"place": "Oslo"}')
    first, second = caller.all(ReplyFinished)
    assert (first.reply_id, first.reason) == (call.reply_id, "tool_calls")
    assert second.text == "It is sunny."
    told = caller.mind.told[1].items
    assert [item.name for item in told if isinstance(item, FunctionCall)] == ["weather"]
    assert [item.output for item in told if isinstance(item, FunctionCallOutput)] == ["sunny"]
    assert caller.mind.choices[0] == {"type": "function", "function": {"name": "weather"}}


def test_history_follows_what_a_client_says_it_heard(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.create_reply()
        finished = await caller.until(ReplyFinished)
        caller.session.truncate(finished.item_id, 1000)
        assert refusal(lambda: caller.session.truncate("nothing", 0)) == "item_not_found"

    caller = play(scene, says=[COUNT])

    assert caller.all(ItemTruncated)[0].text == "one two three"
    assert [item.text for item in caller.session.history] == ["one two three"]


def test_a_report_of_what_was_played_decides_what_was_heard(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.create_reply()
        started = await caller.until(ReplyStarted)
        await caller.until(ReplyAudio)
        for step in range(20):
            await caller.wait(0.1)
            caller.session.played(started.item_id, max(0, step * 100 - 300))
        caller.session.cancel_reply()
        await caller.until(ReplyFinished)

    caller = play(scene, says=[COUNT])

    assert caller.all(ReplyFinished)[0].audio_ms == 1600
    assert caller.all(ReplyFinished)[0].text == "one two three four five"


def test_a_report_that_comes_after_the_cut_mends_the_history(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.create_reply()
        started = await caller.until(ReplyStarted)
        await caller.until(ReplyAudio)
        await caller.wait(2.0)
        caller.session.cancel_reply()
        await caller.until(ReplyFinished)
        caller.session.played(started.item_id, 1200)

    caller = play(scene, says=[COUNT])

    assert caller.all(ReplyFinished)[0].text == "one two three four five six seven"
    assert [item.text for item in caller.session.history] == ["one two three four"]


def test_items_come_and_go(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        item = caller.session.add_text("user", "Hello?")
        assert refusal(lambda: caller.session.add_text("user", "again", item)) == "item_already_exists"
        caller.session.delete_item(item)
        assert refusal(lambda: caller.session.delete_item(item)) == "item_not_found"

    assert play(scene).session.history == []


def test_the_voice_can_be_changed_in_the_middle(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        config = caller.factory.default_config()
        caller.session.create_reply()
        await caller.until(ReplyFinished)
        caller.session.configure(replace(config, voice="other", speed=1.5, instructions="Rhyme."))
        caller.session.create_reply()
        await caller.until(ReplyFinished, 2)

    caller = play(scene, says=["One.", "Two."])

    before, after = (stream.request for stream in caller.fleet.streams)
    assert before.model_id == Settings().tts.default_model
    assert (after.model_id, after.speed) == ("other", 1.5)
    assert caller.mind.told[1].messages()[0].raw_text_content == "Rhyme."


def test_turn_taking_can_be_changed_in_the_middle(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        config = caller.factory.default_config()
        caller.session.configure(manual(config))
        caller.session.push_audio(speech(1.0), 16_000)
        caller.session.commit_turn()
        await caller.until(UserTranscript)
        caller.session.configure(config)
        await caller.wait(0.5)
        await caller.say(1.0)
        await caller.until(ReplyFinished)

    caller = play(scene, heard=["By hand.", "By voice."], says=["Yes."])

    assert [item.text for item in caller.session.history] == ["By hand.", "By voice.", "Yes."]


def test_a_client_may_want_turns_without_replies(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.wait(0.5)
        await caller.say(1.0)
        await caller.until(TurnCommitted)
        await caller.wait(1.0)

    def without_replies(config: ConversationConfig) -> ConversationConfig:
        assert config.turn_detection is not None
        return replace(config, turn_detection=replace(config.turn_detection, create_response=False))

    caller = play(scene, heard=["Hello?"], says=["Never."], configure=without_replies)

    assert [item.text for item in caller.session.history] == ["Hello?"]
    assert caller.mind.told == []


def test_a_greeting_is_said_before_anybody_speaks(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.until(ReplyFinished)

    chosen = Settings().conversation.model_copy(update={"greeting": "Hello, I am listening."})
    caller = play(scene, settings=Settings().model_copy(update={"conversation": chosen}))

    assert [(item.role, item.text) for item in caller.session.history] == [("assistant", "Hello, I am listening.")]
    assert caller.all(ReplyFinished)[0].status is ReplyStatus.COMPLETED


def test_no_more_conversations_than_the_server_may_hold(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        with pytest.raises(CommandRefused) as refused:
            await caller.factory.open(caller.factory.default_config())
        assert refused.value.code == "server_full"
        assert caller.factory.active == 1
        await caller.session.aclose()
        assert caller.factory.active == 0
        another = await caller.factory.open(caller.factory.default_config())
        await another.aclose()

    play(
        scene, settings=Settings().model_copy(update={"server": ServerSettings(max_sessions=1, max_waiting_sessions=0)})
    )


def test_a_closed_conversation_takes_no_command(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.session.aclose()
        assert refusal(caller.session.create_reply) == "conversation_closed"
        caller.session.push_audio(silence(0.1), 16_000)

    play(scene)


def test_audio_at_an_impossible_rate_is_refused(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        assert refusal(lambda: caller.session.push_audio(silence(0.1), 4_000)) == "invalid_sample_rate"

    play(scene)


def test_closing_in_the_middle_of_a_reply_ends_it(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        caller.session.create_reply()
        await caller.until(ReplyAudio)

    caller = play(scene, says=[COUNT])

    assert caller.all(ReplyFinished)[0].status is ReplyStatus.CANCELLED
    assert caller.names()[-1] == "StateChanged"


def test_a_reader_that_falls_behind_ends_the_conversation(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        assert caller.reader is not None
        caller.reader.cancel()
        caller.session.create_reply()
        await asyncio.sleep(60)
        assert refusal(caller.session.create_reply) == "conversation_closed"
        caller.reader = asyncio.ensure_future(asyncio.sleep(0))

    play(scene, says=["word " * 150])


def test_a_conversation_ends_at_its_longest(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await asyncio.sleep(12.0)

    chosen = Settings().conversation.model_copy(update={"max_session_s": 10.0})
    caller = play(scene, settings=Settings().model_copy(update={"conversation": chosen}))

    assert [(e.code, e.fatal) for e in caller.all(ConversationFailed)] == [("session_expired", True)]


def test_an_illegal_move_names_both_states() -> None:
    from voicechat.conversation.port import ConversationState
    from voicechat.conversation.state import StateMachine

    machine = StateMachine(lambda _: None)
    with pytest.raises(IllegalMoveError, match="from idle to speaking"):
        machine.move(ConversationState.SPEAKING)
