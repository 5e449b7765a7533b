"""Who is talked with in a room, and when, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from support import virtual_time

from voicechat.conversation.fake_conversation import DEFAULT_CONFIG, FakeConversation, FakeFactory
from voicechat.conversation.port import (
    CommandRefused,
    ConversationConfig,
    ConversationFailed,
    ConversationState,
    HistoryItem,
)
from voicechat.transports.rooms.call import Call, House, Refused, UntilEnded
from voicechat.transports.rooms.fake import FakeRoom
from voicechat.transports.rooms.order import Order, Said
from voicechat.transports.rooms.port import (
    AgentCame,
    AgentLeft,
    HushAsked,
    KeyPressed,
    PersonCame,
    PersonLeft,
    TextTyped,
)

GRACE_S, JOIN_S = 15.0, 60.0
ANN, BOB = "ann", "bob"


class Scene:
    """A call in a fake room, and how it ended."""

    def __init__(self, order: Order | None = None, *, configure: Any = None, admit: Any = None) -> None:
        self.room = FakeRoom()
        self.factory = FakeFactory()
        house = House(self.factory, configure or _configure, admit or _admit, GRACE_S, JOIN_S)
        self.call = Call(self.room, order or Order(), house)
        self.running = asyncio.ensure_future(self.call.run())

    @property
    def conversation(self) -> FakeConversation:
        return self.factory.opened[-1]

    @property
    def state(self) -> str:
        return self.room.attributes[-1]["lk.agent.state"]

    @property
    def detail(self) -> str:
        return self.room.attributes[-1]["voicechat.status"]

    async def passes(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


async def _configure(_: dict[str, Any]) -> ConversationConfig:
    return DEFAULT_CONFIG


@asynccontextmanager
async def _admit(_: str | None) -> AsyncIterator[UntilEnded]:
    yield _never


async def _never() -> tuple[str, str]:
    await asyncio.Event().wait()
    return "", ""


def play(scene: Callable[[], Awaitable[Scene]]) -> Scene:
    async def run() -> Scene:
        played = await scene()
        await played.close()
        return played

    return virtual_time.run(run())


async def with_ann(order: Order | None = None) -> Scene:
    scene = Scene(order)
    scene.room.happen(PersonCame(ANN))
    await scene.passes(0.1)
    return scene


def test_the_first_person_is_listened_to() -> None:
    async def story() -> Scene:
        scene = Scene()
        scene.room.happen(PersonCame(ANN), PersonCame(BOB))
        await scene.passes(0.1)
        assert scene.room.listened == ANN
        return scene

    assert len(play(story).factory.opened) == 1


def test_a_room_into_which_nobody_comes_is_left() -> None:
    async def story() -> Scene:
        scene = Scene()
        await scene.passes(JOIN_S + 1)
        return scene

    assert play(story).running.result() == "nobody is left"


def test_a_person_who_comes_back_in_time_finds_the_same_conversation() -> None:
    async def story() -> Scene:
        scene = await with_ann()
        scene.conversation.doing = ConversationState.SPEAKING
        scene.room.happen(PersonLeft(ANN))
        await scene.passes(GRACE_S - 1)
        assert scene.room.listened is None
        assert scene.conversation.named("cancel_reply"), "a reply went on that nobody heard"
        scene.room.happen(PersonCame(ANN))
        await scene.passes(1)
        assert scene.room.listened == ANN
        return scene

    assert len(play(story).factory.opened) == 1


def test_after_the_grace_time_the_conversation_is_over_and_the_next_person_begins_another() -> None:
    async def story() -> Scene:
        scene = await with_ann()
        scene.room.happen(PersonCame(BOB), PersonLeft(ANN))
        await scene.passes(GRACE_S + 1)
        assert scene.factory.opened[0].closed
        assert scene.room.listened == BOB
        return scene

    assert len(play(story).factory.opened) == 2


def test_a_room_that_everybody_has_left_is_left() -> None:
    async def story() -> Scene:
        scene = await with_ann()
        scene.room.happen(PersonLeft(ANN))
        await scene.passes(GRACE_S + JOIN_S + 1)
        return scene

    scene = play(story)
    assert scene.running.result() == "nobody is left"
    assert scene.conversation.closed


def test_only_the_person_who_is_talked_with_may_type_and_press_keys() -> None:
    async def story() -> Scene:
        scene = await with_ann()
        scene.room.happen(PersonCame(BOB), TextTyped(BOB, "Me too."), KeyPressed(BOB, "9"), TextTyped(ANN, "Hello."))
        await scene.passes(5)
        return scene

    conversation = play(story).conversation
    assert conversation.named("add_text") == [("user", "Hello.", None)]
    assert len(conversation.named("create_reply")) == 1


def test_keys_of_a_telephone_reach_the_mind_as_words() -> None:
    async def story() -> Scene:
        scene = await with_ann()
        scene.room.happen(*(KeyPressed(ANN, key) for key in "12#"), KeyPressed(ANN, "3"))
        await scene.passes(5)
        return scene

    texts = [text for _, text, _ in play(story).conversation.named("add_text")]
    assert [text.rpartition(" ")[2] for text in texts] == ["12#", "3"]


def test_a_person_who_has_heard_enough_stops_the_reply() -> None:
    async def story() -> Scene:
        scene = await with_ann()
        scene.conversation.doing = ConversationState.SPEAKING
        scene.room.happen(HushAsked(BOB))
        await scene.passes(0.1)
        assert not scene.conversation.named("cancel_reply")
        scene.room.happen(HushAsked(ANN))
        await scene.passes(0.1)
        return scene

    assert play(story).conversation.named("cancel_reply")


def test_sound_of_the_person_goes_to_the_conversation() -> None:
    async def story() -> Scene:
        scene = await with_ann()
        assert scene.room.take is not None
        scene.room.take(np.zeros(320, np.int16), 16_000)
        return scene

    assert play(story).conversation.pushed_samples == 320


def test_while_models_load_the_agent_is_there_and_says_so() -> None:
    loaded = False

    async def configure(_: dict[str, Any]) -> ConversationConfig:
        if not loaded:
            raise CommandRefused("loading", "the models are still loading")
        return DEFAULT_CONFIG

    async def story() -> Scene:
        nonlocal loaded
        scene = Scene(configure=configure)
        scene.room.happen(PersonCame(ANN))
        await scene.passes(3)
        assert (scene.state, scene.detail) == ("initializing", "the models are still loading")
        loaded = True
        await scene.passes(1)
        return scene

    assert len(play(story).factory.opened) == 1


def test_who_may_not_talk_is_told_why_and_the_agent_stays_with_them() -> None:
    @asynccontextmanager
    async def admit(_: str | None) -> AsyncIterator[UntilEnded]:
        raise Refused("the API key may hold 1 sessions at once")
        yield _never

    async def story() -> Scene:
        scene = Scene(admit=admit)
        scene.room.happen(PersonCame(ANN))
        await scene.passes(30)
        assert not scene.running.done(), "another agent would be sent for"
        return scene

    scene = play(story)
    assert (scene.state, scene.detail) == ("idle", "the API key may hold 1 sessions at once")


def test_a_conversation_that_ends_by_itself_is_explained() -> None:
    async def story() -> Scene:
        scene = await with_ann()
        scene.conversation.emit(ConversationFailed("conversations last an hour", "session_expired", fatal=True))
        await scene.conversation.aclose()
        await scene.passes(1)
        return scene

    assert play(story).detail == "conversations last an hour"


def test_a_process_that_is_full_leaves_the_room_to_another() -> None:
    async def configure(_: dict[str, Any]) -> ConversationConfig:
        raise CommandRefused("server_full", "32 conversations are held already")

    async def story() -> Scene:
        scene = Scene(configure=configure)
        scene.room.happen(PersonCame(ANN))
        await scene.passes(1)
        return scene

    assert play(story).running.result() == "32 conversations are held already"


def test_of_two_agents_the_later_one_leaves() -> None:
    async def story() -> Scene:
        scene = Scene()
        scene.room.happen(AgentCame("agent-0", is_older=True), PersonCame(ANN))
        await scene.passes(1)
        return scene

    scene = play(story)
    assert scene.running.result() == "another agent serves the room"
    assert not scene.factory.opened


def test_of_two_agents_the_earlier_one_stays() -> None:
    async def story() -> Scene:
        scene = await with_ann()
        scene.room.happen(AgentCame("agent-2", is_older=False))
        await scene.passes(1)
        assert not scene.running.done()
        return scene

    play(story)


def test_a_room_is_handed_over_with_what_was_said() -> None:
    asked: list[Order] = []

    async def story() -> Scene:
        scene = await with_ann(Order(key="k1", session={"type": "realtime"}))
        scene.conversation.items.append(HistoryItem("item_1", "user", "My name is Ann."))

        async def ask(order: Order) -> None:
            asked.append(order)
            scene.room.happen(AgentCame("agent-2", is_older=False))

        assert await scene.call.hand_over(ask, 5.0)
        await scene.passes(0.1)
        return scene

    scene = play(story)
    assert scene.running.result() == "another agent took over"
    (order,) = asked
    assert (order.key, order.session, order.takes_over, order.caller) == ("k1", {"type": "realtime"}, "agent-1", ANN)
    assert order.said == (Said(role="user", text="My name is Ann."),)


def test_a_room_that_nobody_is_in_needs_no_other_agent() -> None:
    async def story() -> Scene:
        scene = await with_ann()
        scene.room.happen(PersonLeft(ANN))
        await scene.passes(1)

        async def ask(_: Order) -> None:
            raise AssertionError("nobody is there to talk with")

        await scene.call.hand_over(ask, 5.0)
        await scene.passes(0.1)
        return scene

    assert play(story).running.result() == "nobody is left"


def test_a_reply_is_heard_to_its_end_before_its_room_is_handed_over() -> None:
    async def story() -> Scene:
        scene = await with_ann()
        scene.conversation.doing = ConversationState.SPEAKING
        now = asyncio.get_running_loop().time
        began_s, asked_s = now(), 0.0

        async def ask(_: Order) -> None:
            nonlocal asked_s
            asked_s = now() - began_s

        def fall_silent() -> None:
            scene.conversation.doing = ConversationState.LISTENING

        asyncio.get_running_loop().call_later(3.0, fall_silent)
        assert not await scene.call.hand_over(ask, 10.0)
        assert asked_s == pytest.approx(3.0, abs=0.1)
        assert not scene.running.done(), "a call that nobody takes over goes on"
        return scene

    play(story)


def test_who_takes_over_waits_for_the_other_to_leave_and_knows_what_was_said() -> None:
    order = Order(takes_over="agent-0", caller=ANN, said=(Said(role="user", text="My name is Ann."),))

    async def story() -> Scene:
        scene = Scene(order)
        scene.room.happen(AgentCame("agent-0", is_older=True), PersonCame(BOB), PersonCame(ANN))
        await scene.passes(1)
        assert not scene.factory.opened
        scene.room.happen(AgentLeft("agent-0"))
        await scene.passes(0.1)
        assert scene.room.listened == ANN, "the person of before, not who came first"
        return scene

    conversation = play(story).conversation
    assert conversation.named("add_text") == [("user", "My name is Ann.", None)]
    assert not conversation.config.greets


def test_a_room_that_is_gone_ends_the_call() -> None:
    async def story() -> Scene:
        scene = await with_ann()
        scene.room.vanish()
        await scene.passes(0.1)
        return scene

    scene = play(story)
    assert scene.running.result() == "the room is gone"
    assert scene.conversation.closed
