"""What is told in a room of a conversation, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
from support import virtual_time

from voicechat.conversation.fake_conversation import FakeConversation
from voicechat.conversation.port import (
    CommandRefused,
    ConversationEvent,
    ConversationState,
    ReplyAudio,
    ReplyCleared,
    ReplyFinished,
    ReplyStarted,
    ReplyStatus,
    ReplyText,
    ReplyToolCall,
    StateChanged,
    TurnDiscarded,
    TurnMeasured,
    UserTranscript,
)
from voicechat.transports.rooms.fake import FakeRoom
from voicechat.transports.rooms.status import Status
from voicechat.transports.rooms.talk import Talk
from voicechat.transports.rooms.words import IS_FINAL, SEGMENT, TRACK

ANN = "ann"
PCM = np.arange(480, dtype=np.int16)


def told(
    *events: ConversationEvent, prepare: Callable[[FakeRoom, FakeConversation], None] = lambda *_: None
) -> tuple[FakeRoom, FakeConversation]:
    async def run() -> tuple[FakeRoom, FakeConversation]:
        room, conversation = FakeRoom(), FakeConversation()
        prepare(room, conversation)
        status = Status(room)
        talk = Talk(conversation, room, ANN, status)
        running = asyncio.ensure_future(talk.run())
        conversation.emit(*events)
        await asyncio.sleep(1)
        await conversation.aclose()
        await running
        await status.aclose()
        return room, conversation

    return virtual_time.run(run())


def reply(*between: ConversationEvent, status: ReplyStatus = ReplyStatus.COMPLETED, text: str = "Hello there.") -> Any:
    return (
        ReplyStarted("r1", "i1", None),
        *between,
        ReplyFinished("r1", "i1", status, "", text, audio_ms=20),
    )


def test_a_replys_sound_goes_on_the_agents_track() -> None:
    room, _ = told(*reply(ReplyAudio("r1", "i1", PCM, 0.0)))
    assert [pcm.tolist() for pcm in room.played] == [PCM.tolist()]


def test_a_reply_that_is_cut_falls_silent_at_once() -> None:
    room, _ = told(*reply(ReplyCleared("r1", "i1"), status=ReplyStatus.CANCELLED))
    assert room.silences == 1


def test_words_of_a_reply_are_one_stream_that_grows() -> None:
    room, _ = told(*reply(ReplyText("r1", "Hello "), ReplyText("r1", "there.")))
    (stream,) = room.streams
    assert (stream.text, stream.is_closed) == ("Hello there.", True)
    assert stream.attributes == {SEGMENT: "r1", TRACK: "track of agent-1", IS_FINAL: "true"}
    assert room.sent_words == []


def test_of_a_reply_that_was_cut_the_words_that_were_heard_count() -> None:
    room, _ = told(*reply(ReplyText("r1", "Hello there."), status=ReplyStatus.CANCELLED, text="Hello"))
    ((text, speaker, attributes),) = room.sent_words
    assert (text, speaker) == ("Hello", "agent-1")
    assert (attributes[SEGMENT], attributes[IS_FINAL]) == ("r1", "true")


def test_a_persons_words_replace_each_other_until_they_are_final() -> None:
    room, _ = told(UserTranscript("u1", "What", is_final=False), UserTranscript("u1", "What is it?", is_final=True))
    assert [(text, speaker, attributes[IS_FINAL]) for text, speaker, attributes in room.sent_words] == [
        ("What", ANN, "false"),
        ("What is it?", ANN, "true"),
    ]
    assert {attributes[SEGMENT] for _, _, attributes in room.sent_words} == {"u1"}


def test_words_that_became_no_turn_are_taken_back() -> None:
    room, _ = told(UserTranscript("u1", "Mm-hm", is_final=False), TurnDiscarded("u1"), TurnDiscarded("u2"))
    assert [text for text, _, _ in room.sent_words] == ["Mm-hm", ""]


def test_the_newest_state_is_shown_in_livekits_words() -> None:
    states = (ConversationState.LISTENING, ConversationState.THINKING, ConversationState.INTERRUPTED)
    room, _ = told(*map(StateChanged, states))
    assert room.attributes[-1]["lk.agent.state"] == "listening"
    assert [one["state"] for one in room.sent_events] == ["listening", "thinking", "interrupted"]


def test_latencies_are_told_to_clients_who_want_them() -> None:
    room, _ = told(TurnMeasured("r1", {"total": 700.0}, {"total": 0.0}))
    assert room.sent_events == [
        {"type": "voicechat.turn", "response_id": "r1", "stages_ms": {"total": 700.0}, "starts_ms": {"total": 0.0}}
    ]


def test_functions_are_run_by_the_persons_client() -> None:
    def prepare(room: FakeRoom, _: FakeConversation) -> None:
        room.functions["weather"] = "sunny"

    room, conversation = told(ReplyToolCall("r1", "i2", "c1", "weather", '{"city": "Rome"}'), prepare=prepare)
    assert room.called == [(ANN, "weather", '{"city": "Rome"}')]
    assert conversation.named("add_tool_output") == [("c1", "sunny", None)]
    assert len(conversation.named("create_reply")) == 1


def test_a_function_that_fails_is_an_answer_too() -> None:
    _, conversation = told(ReplyToolCall("r1", "i2", "c1", "weather", "{}"))
    assert conversation.named("add_tool_output") == [("c1", "error: there is no weather", None)]


def test_several_functions_of_a_reply_are_answered_with_one_reply() -> None:
    def prepare(room: FakeRoom, _: FakeConversation) -> None:
        room.functions.update(weather="sunny", time="noon")

    calls = (ReplyToolCall("r1", "i2", "c1", "weather", "{}"), ReplyToolCall("r1", "i3", "c2", "time", "{}"))
    _, conversation = told(*calls, prepare=prepare)
    assert len(conversation.named("add_tool_output")) == 2
    assert len(conversation.named("create_reply")) == 1


def test_an_answer_that_comes_after_the_end_is_dropped() -> None:
    def prepare(room: FakeRoom, conversation: FakeConversation) -> None:
        room.functions["weather"] = "sunny"
        conversation.refusals["add_tool_output"] = CommandRefused("conversation_closed", "it has ended")

    _, conversation = told(ReplyToolCall("r1", "i2", "c1", "weather", "{}"), prepare=prepare)
    assert conversation.named("create_reply") == []


def test_typing_over_a_reply_stops_it() -> None:
    async def run() -> FakeConversation:
        room, conversation = FakeRoom(), FakeConversation()
        conversation.doing = ConversationState.SPEAKING
        Talk(conversation, room, ANN, Status(room)).typed("Stop, what about Rome?")
        return conversation

    conversation = virtual_time.run(run())
    assert [command[0] for command in conversation.commands] == ["cancel_reply", "add_text", "create_reply"]
