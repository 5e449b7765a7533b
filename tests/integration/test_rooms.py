"""Rooms on a real LiveKit server, with people made of its own SDK; what is said between them is scripted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import numpy as np
import pytest
from livekit import api, rtc
from support.livekit import KEY, SECRET, LiveKit, running_livekit
from support.room_caller import RoomCaller, caller, publish_microphone
from support.tones import tone

from voicechat.conversation.fake_conversation import DEFAULT_CONFIG, FakeConversation, FakeFactory
from voicechat.conversation.port import (
    ConversationConfig,
    ConversationState,
    ReplyAudio,
    ReplyCleared,
    ReplyFinished,
    ReplyStarted,
    ReplyStatus,
    ReplyText,
    ReplyToolCall,
    StateChanged,
    UserTranscript,
)
from voicechat.transports.rooms.call import House, UntilEnded
from voicechat.transports.rooms.names import FUNCTIONS, ROLE
from voicechat.transports.rooms.order import Order
from voicechat.transports.rooms.rooms import Rooms
from voicechat.transports.rooms.server import LiveKitServer
from voicechat.transports.rooms.tokens import Ticket, issue_ticket

GRACE_S = 2.0
MOST = 4


@pytest.fixture(scope="module")
def livekit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKit]:
    with running_livekit(tmp_path_factory.mktemp("livekit")) as server:
        yield server


@dataclass(slots=True)
class Orchestrator:
    """The rooms of one process, on scripted conversations."""

    rooms: Rooms
    factory: FakeFactory
    task: asyncio.Task[None]

    @property
    def conversation(self) -> FakeConversation:
        return self.factory.opened[-1]

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.rooms.aclose()


class Scene:
    """A LiveKit server, orchestrators and people; everything ends with the test."""

    def __init__(self, server: LiveKitServer, stack: AsyncExitStack) -> None:
        self.server = server
        self._stack = stack

    async def orchestrator(self, busy: Callable[[], float] = lambda: 0.0) -> Orchestrator:
        """One more, registered."""
        factory = FakeFactory(MOST)
        house = House(factory, _configure, _admit, GRACE_S, join_timeout_s=5.0)
        rooms = Rooms(self.server, house, lambda: max(factory.load, busy()), MOST, token_ttl_s=900)
        started = Orchestrator(rooms, factory, asyncio.create_task(rooms.run()))
        self._stack.push_async_callback(started.end)
        await _until(lambda: rooms.is_registered)
        return started

    def ticket(self, room: str | None = None) -> Ticket:
        return issue_ticket(self.server, Order(), ttl_s=900, departure_timeout_s=20, name="Ann", room=room)

    async def person(self, ticket: Ticket | None = None, **options: Any) -> RoomCaller:
        """Somebody in a room; a new one unless the ticket says which."""
        entering = caller(self.server.url, (ticket or self.ticket()).token, **options)
        return await self._stack.enter_async_context(entering)

    async def telephone(self) -> RoomCaller:
        """A caller who comes through a SIP bridge, with an agent sent for."""
        room = self.ticket().room
        config = api.RoomConfiguration(agents=[api.RoomAgentDispatch(agent_name=self.server.agent_name)])
        token = _token("sip-1", room).with_kind("sip").with_room_config(config)
        return await self.person(Ticket(room, "sip-1", "", token.to_jwt()), rate_hz=8_000)

    def program_in(self, room: str) -> Ticket:
        """What lets a program into a room that runs functions there."""
        return Ticket(room, "program", "", _token("program", room).with_attributes({ROLE: FUNCTIONS}).to_jwt())

    async def talking(self) -> tuple[Orchestrator, RoomCaller]:
        """An orchestrator, and a person whom it listens to."""
        served = await self.orchestrator()
        person = await self.person()
        await _until(lambda: served.factory.opened and served.conversation.pushed_samples)
        return served, person


def _token(identity: str, room: str) -> api.AccessToken:
    grants = api.VideoGrants(room_join=True, room=room)
    return api.AccessToken(KEY, SECRET).with_identity(identity).with_grants(grants)


async def _configure(_: dict[str, Any]) -> ConversationConfig:
    return DEFAULT_CONFIG


@asynccontextmanager
async def _admit(_: str | None) -> AsyncIterator[UntilEnded]:
    yield _never


async def _never() -> tuple[str, str]:
    await asyncio.Event().wait()
    return "", ""


async def _until(holds: Callable[[], object], timeout_s: float = 15.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not holds():
            await asyncio.sleep(0.02)


@pytest.fixture
async def scene(livekit: LiveKit) -> AsyncIterator[Scene]:
    server = LiveKitServer(livekit.url, livekit.url, KEY, SECRET, "voicechat")
    async with AsyncExitStack() as stack:
        yield Scene(server, stack)


def speak(conversation: FakeConversation, number: int, pcm: np.ndarray[Any, Any], text: str) -> None:
    """A whole reply, its sound at once."""
    reply, item = f"resp_{number}", f"item_{number}"
    conversation.emit(StateChanged(ConversationState.SPEAKING), ReplyStarted(reply, item, None), ReplyText(reply, text))
    for start in range(0, pcm.size, 480):
        conversation.emit(ReplyAudio(reply, item, pcm[start : start + 480], start / 24))
    conversation.emit(
        ReplyFinished(reply, item, ReplyStatus.COMPLETED, "", text, pcm.size // 24),
        StateChanged(ConversationState.LISTENING),
    )


async def test_a_person_is_heard_and_hears_the_reply_and_its_words(scene: Scene) -> None:
    served, person = await scene.talking()
    await person.say(tone(500, 0.5))
    heard = np.concatenate([pcm for pcm, _ in served.conversation.named("push_audio")])
    assert np.abs(heard).max() > 3000, "the person's sound did not arrive"

    served.conversation.emit(UserTranscript("u1", "Beep?", is_final=True))
    speak(served.conversation, 1, tone(600, 0.5), "Beep.")
    await person.until(lambda: person.said(person.agents[0].identity) == "Beep.")
    await person.until(lambda: np.count_nonzero(np.abs(person.heard) > 3000) > 6000)
    assert person.said(person.identity) == "Beep?"
    assert person.agents[0].attributes["lk.agent.state"] in ("speaking", "listening")
    await person.until(lambda: person.states[-2:] == ["speaking", "listening"] or "listening" in person.states)


async def test_a_reply_that_is_cleared_is_not_heard_further(scene: Scene) -> None:
    served, person = await scene.talking()
    conversation = served.conversation
    await person.until_silent(0.2)
    conversation.emit(ReplyStarted("r", "i", None))
    loud = tone(120, 0.5)
    for start in range(0, loud.size, 480):
        conversation.emit(ReplyAudio("r", "i", loud[start : start + 480], start / 24))
    conversation.emit(ReplyCleared("r", "i"), ReplyFinished("r", "i", ReplyStatus.CANCELLED, "", "", 0))
    await person.until(lambda: person.told("voicechat.cleared"))
    await person.until_silent(0.3)
    loud_ms = np.count_nonzero(np.abs(person.heard) > 3000) / 24
    assert loud_ms < 60, "what waited in the track's queue was still played"


async def test_typed_text_is_a_turn(scene: Scene) -> None:
    served, person = await scene.talking()
    await person.type("What is the capital of France?")
    await _until(lambda: served.conversation.named("create_reply"))
    assert served.conversation.named("add_text") == [("user", "What is the capital of France?", None)]


async def test_a_client_stops_a_reply(scene: Scene) -> None:
    served, person = await scene.talking()
    served.conversation.doing = ConversationState.SPEAKING
    send = person.room.local_participant.publish_data
    for nonsense in ("{", "[1]", '{"type": 1}', '{"type": "voicechat.unheard-of"}'):
        await send(nonsense, topic="voicechat")
    await send('{"type":"voicechat.hush"}', topic="voicechat")
    await _until(lambda: served.conversation.named("cancel_reply"))
    assert len(served.conversation.named("cancel_reply")) == 1


async def test_keys_and_narrow_sound_of_a_telephone_arrive(scene: Scene) -> None:
    served = await scene.orchestrator()
    phone = await scene.telephone()
    await _until(lambda: served.factory.opened and served.conversation.pushed_samples)

    await phone.say(tone(500, 0.5, 8_000))
    heard = np.concatenate([pcm for pcm, _ in served.conversation.named("push_audio")])
    assert np.abs(heard).max() > 3000, "the telephone's sound did not arrive"
    await phone.press("12#")
    await _until(lambda: served.conversation.named("create_reply"))
    ((_, text, _),) = served.conversation.named("add_text")
    assert text.endswith("12#")


async def test_functions_are_run_by_a_program_that_is_in_the_room_for_it(scene: Scene) -> None:
    served = await scene.orchestrator()
    phone = await scene.telephone()
    program = await scene.person(scene.program_in(phone.room.name), with_microphone=False)
    asked: list[str] = []

    async def balance(call: rtc.RpcInvocationData) -> str:
        asked.append(call.payload)
        return "twelve"

    program.room.local_participant.register_rpc_method("balance", balance)
    await _until(lambda: served.factory.opened and served.conversation.pushed_samples)
    served.conversation.emit(ReplyToolCall("r1", "i1", "c1", "balance", '{"account": "12"}'))
    await _until(lambda: served.conversation.named("add_tool_output"))
    assert served.conversation.named("add_tool_output") == [("c1", "twelve", None)]
    assert asked == ['{"account": "12"}']
    await program.type("I am a program.")
    await phone.type("I am a person.")
    await _until(lambda: served.conversation.named("add_text"))
    assert served.conversation.named("add_text") == [("user", "I am a person.", None)]


async def test_a_person_who_mutes_and_changes_the_device_is_heard_again(scene: Scene) -> None:
    served, person = await scene.talking()
    (publication,) = person.room.local_participant.track_publications.values()
    assert isinstance(publication.track, rtc.LocalAudioTrack)
    publication.track.mute()
    await asyncio.sleep(0.3)
    publication.track.unmute()
    await person.say(tone(300, 0.5))

    await person.room.local_participant.unpublish_track(publication.sid)
    await person.microphone.aclose()
    person.microphone = rtc.AudioSource(24_000, 1, queue_size_ms=100)
    before = served.conversation.pushed_samples
    await publish_microphone(person)
    await _until(lambda: served.conversation.pushed_samples > before)
    await person.say(tone(300, 0.5))
    loud = [pcm for pcm, _ in served.conversation.named("push_audio")[-25:] if np.abs(pcm).max() > 3000]
    assert loud, "the new microphone was not heard"
    assert len(served.factory.opened) == 1


async def test_a_person_who_reconnects_finds_the_conversation(scene: Scene) -> None:
    served = await scene.orchestrator()
    ticket = scene.ticket()
    async with caller(scene.server.url, ticket.token):
        await _until(lambda: served.factory.opened and served.conversation.pushed_samples)
    before = served.conversation.pushed_samples
    await scene.person(ticket)
    await _until(lambda: served.conversation.pushed_samples > before + 3200)
    assert len(served.factory.opened) == 1
    assert not served.conversation.closed


async def test_a_second_person_listens_until_the_first_has_left(scene: Scene) -> None:
    served = await scene.orchestrator()
    ticket = scene.ticket()
    async with caller(scene.server.url, ticket.token):
        await _until(lambda: served.factory.opened and served.conversation.pushed_samples)
        second = await scene.person(scene.ticket(ticket.room))
        speak(served.conversation, 1, tone(400, 0.5), "Beep.")
        await second.until(lambda: second.said(second.agents[0].identity) == "Beep.")
        await second.until(lambda: second.is_spoken_to)
        await second.type("And me?")
        await asyncio.sleep(0.3)
        assert not served.conversation.named("add_text")
    await _until(lambda: len(served.factory.opened) == 2 and served.conversation.pushed_samples)
    assert served.factory.opened[0].closed


async def test_when_everybody_has_left_nothing_stays_behind(scene: Scene) -> None:
    served = await scene.orchestrator()
    async with caller(scene.server.url, scene.ticket().token):
        await _until(lambda: served.factory.opened and served.conversation.pushed_samples)
    await _until(lambda: served.conversation.closed and not served.rooms.taken)


async def test_two_orchestrators_share_rooms_and_one_that_is_full_gets_none(scene: Scene) -> None:
    full = await scene.orchestrator(lambda: 1.0)
    free = await scene.orchestrator()
    for _ in range(2):
        await scene.person(with_microphone=False)
    await _until(lambda: free.factory.active == 2)
    assert full.rooms.taken == 0


async def test_an_agent_that_is_called_back_while_it_enters_harms_nobody(scene: Scene) -> None:
    served = await scene.orchestrator()
    for _ in range(3):
        await scene.person(with_microphone=False)
    await _until(lambda: served.rooms.taken == 3)
    await served.end()
    assert served.rooms.taken == 0


async def test_a_drained_orchestrator_hands_its_room_over_with_the_history(scene: Scene) -> None:
    first, person = await scene.talking()
    first.conversation.add_text("user", "My name is Ann.")
    second = await scene.orchestrator()
    await first.rooms.drain(5.0)
    await _until(lambda: second.factory.opened and second.conversation.pushed_samples)
    assert second.conversation.named("add_text") == [("user", "My name is Ann.", None)]
    assert first.rooms.taken == 0
    assert [one.attributes["lk.agent.state"] for one in person.agents]


async def test_a_room_whose_orchestrator_is_gone_is_taken_by_one_that_comes(scene: Scene) -> None:
    first, person = await scene.talking()
    await first.end()
    await person.until(lambda: not person.agents)
    second = await scene.orchestrator()
    await _until(lambda: second.factory.opened and second.conversation.pushed_samples)


@pytest.mark.parametrize(
    ("make", "room"),
    [
        (lambda: api.AccessToken(KEY, SECRET).with_ttl(timedelta(seconds=-90)), "voicechat-a"),
        (lambda: api.AccessToken(KEY, "b" * 32), "voicechat-a"),
        (lambda: api.AccessToken("otherkey", SECRET), "voicechat-a"),
    ],
    ids=["expired", "forged", "unknown key"],
)
async def test_tokens_that_are_not_ours_open_nothing(
    scene: Scene, make: Callable[[], api.AccessToken], room: str
) -> None:
    token = make().with_identity("eve").with_grants(api.VideoGrants(room_join=True, room=room)).to_jwt()
    with pytest.raises(rtc.ConnectError):
        await rtc.Room().connect(scene.server.url, token)


async def test_a_ticket_opens_its_own_room_only(scene: Scene) -> None:
    other, ticket = scene.ticket().room, scene.ticket()
    person = await scene.person(ticket, with_microphone=False)
    assert person.room.name == ticket.room
    http = scene.server.url.replace("ws", "http", 1)
    async with httpx.AsyncClient(base_url=http, headers={"Authorization": f"Bearer {ticket.token}"}) as client:
        for method, body in (
            ("ListRooms", {}),
            ("ListParticipants", {"room": other}),
            ("DeleteRoom", {"room": other}),
        ):
            answer = await client.post(f"/twirp/livekit.RoomService/{method}", json=body)
            assert answer.status_code == 401, method
        dispatch = {"room": other, "agent_name": "voicechat"}
        answer = await client.post("/twirp/livekit.AgentDispatchService/CreateDispatch", json=dispatch)
        assert answer.status_code == 401
