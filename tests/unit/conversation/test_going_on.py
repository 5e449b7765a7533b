"""Conversations that go on: where another ended, and for a long time."""

from __future__ import annotations

import gc
from dataclasses import replace

from livekit.agents.voice import SpeechHandle
from support.conversation import Caller, Play

from voicechat.conversation.items import Message, ToolCall, ToolOutput
from voicechat.conversation.port import ReplyFinished
from voicechat.settings import ServerSettings, Settings

PAST = (
    Message("u1", "user", "What do you see?"),
    ToolCall("f1", "call_1", "look", "{}"),
    ToolOutput("o1", "call_1", "a cat"),
    Message("a1", "assistant", "A cat."),
)


def greeting() -> Settings:
    chosen = Settings().conversation.model_copy(update={"greeting": "Hello."})
    return Settings().model_copy(update={"conversation": chosen, "server": ServerSettings(max_sessions=2)})


def test_a_conversation_goes_on_where_another_ended_and_greets_nobody_again(play: Play) -> None:
    async def scene(caller: Caller) -> None:
        await caller.until(ReplyFinished)
        first, caller.session = caller.session, await caller.factory.open(caller.factory.default_config(), PAST)  # type: ignore[assignment]
        assert [item.text for item in caller.session.history] == ["What do you see?", "a cat", "A cat."]
        await first.aclose()

    caller = play(scene, settings=greeting())
    assert [item.id for item in caller.session.history] == ["u1", "o1", "a1"]


def test_a_long_conversation_by_text_leaves_no_trail_in_the_engine(play: Play) -> None:
    kept: list[int] = []
    handles: list[int] = []

    async def scene(caller: Caller) -> None:
        for turn in range(1, 7):
            caller.session.add_text("user", "Go on.")
            caller.session.create_reply()
            await caller.until(ReplyFinished, turn)
            kept.append(len(caller.session._engine._recorded_events))
            gc.collect()
            handles.append(sum(isinstance(each, SpeechHandle) for each in gc.get_objects()))

    play(scene, says=["Yes."] * 6, configure=lambda config: replace(config, turn_detection=None))
    assert max(kept[2:]) <= max(kept[:2])
    assert max(handles[2:]) <= max(handles[:2])
