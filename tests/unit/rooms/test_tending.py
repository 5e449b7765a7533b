"""Rooms in which people wait without an agent, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from livekit import api
from support import virtual_time

from voicechat.transports.rooms.names import FUNCTIONS, ROLE
from voicechat.transports.rooms.order import Order, Said
from voicechat.transports.rooms.port import RoomError
from voicechat.transports.rooms.tending import SETTLE_S, Tender

NAME, ROOM = "voicechat", "voicechat-1"
Kind = api.ParticipantInfo.Kind


class FakeOffice:
    """A server with one room."""

    def __init__(self, *participants: api.ParticipantInfo) -> None:
        self.present = list(participants)
        self.sent: list[Order] = []
        self.is_away = False
        self._dispatches: list[api.AgentDispatch] = []

    def dispatch(self, created_s: float, metadata: str = "") -> None:
        state = api.AgentDispatchState(created_at=round(created_s * 1e9))
        number = f"AD_{len(self._dispatches)}"
        self._dispatches.append(api.AgentDispatch(id=number, agent_name=NAME, metadata=metadata, state=state))

    async def rooms(self) -> list[str]:
        self._answer()
        return [ROOM]

    async def participants(self, room: str) -> list[api.ParticipantInfo]:
        self._answer()
        return self.present

    async def dispatches(self, room: str) -> list[api.AgentDispatch]:
        self._answer()
        return self._dispatches

    async def send_for_agent(self, room: str, order: Order) -> None:
        self.sent.append(order)
        self.dispatch(asyncio.get_running_loop().time(), order.encode())

    async def forget_dispatch(self, room: str, dispatch_id: str) -> None:
        self._dispatches = [one for one in self._dispatches if one.id != dispatch_id]

    def _answer(self) -> None:
        if self.is_away:
            raise RoomError("LiveKit does not answer")


PERSON = api.ParticipantInfo(identity="ann", kind=Kind.STANDARD)
AGENT = api.ParticipantInfo(identity="agent-1", kind=Kind.AGENT, attributes={"lk.agent_name": NAME})
PROGRAM = api.ParticipantInfo(identity="tools", kind=Kind.STANDARD, attributes={ROLE: FUNCTIONS})
FOREIGN_AGENT = api.ParticipantInfo(identity="agent-2", kind=Kind.AGENT, attributes={"lk.agent_name": "other"})


def tend(office: FakeOffice, act: Callable[[Tender], Awaitable[None] | None], seconds: float = 1.0) -> list[Order]:
    async def run() -> None:
        tender = Tender(office, NAME, asyncio.get_running_loop().time)
        if (acting := act(tender)) is not None:
            await acting
        await asyncio.sleep(seconds)
        await tender.aclose()

    virtual_time.run(run())
    return office.sent


def room_of(*participants: api.ParticipantInfo, metadata: str = "") -> FakeOffice:
    """A room whose agent was sent for long ago."""
    office = FakeOffice(*participants)
    office.dispatch(-3600, metadata)
    return office


def event(kind: str, participant: api.ParticipantInfo) -> Callable[[Tender], None]:
    return lambda tender: tender.notice(api.WebhookEvent(event=kind, room=api.Room(name=ROOM), participant=participant))


def test_a_room_whose_agent_is_gone_gets_another_for_the_same_key() -> None:
    metadata = Order(key="k1", takes_over="agent-0", said=(Said(role="user", text="Hello."),)).encode()
    assert tend(room_of(PERSON, metadata=metadata), event("participant_left", AGENT)) == [Order(key="k1")]


def test_a_person_in_a_room_without_an_agent_gets_one() -> None:
    assert len(tend(room_of(PERSON), event("participant_joined", PERSON))) == 1


def test_agents_of_others_do_not_count() -> None:
    assert len(tend(room_of(PERSON, FOREIGN_AGENT), event("participant_joined", PERSON))) == 1


def test_a_room_with_an_agent_is_well() -> None:
    assert tend(room_of(PERSON, AGENT), event("participant_joined", PERSON)) == []


def test_a_room_without_people_needs_nobody() -> None:
    assert tend(room_of(), event("participant_left", AGENT)) == []
    assert tend(room_of(PROGRAM), event("participant_left", AGENT)) == []
    assert tend(room_of(PERSON), event("participant_joined", PROGRAM)) == []


def test_rooms_for_which_we_were_never_sent_are_not_ours() -> None:
    assert tend(FakeOffice(PERSON), event("participant_joined", PERSON)) == []


def test_other_events_mean_nothing() -> None:
    assert tend(room_of(PERSON), event("track_published", PERSON)) == []


def test_a_dispatch_that_is_young_is_given_its_time() -> None:
    office = FakeOffice(PERSON)
    office.dispatch(0)
    assert tend(office, event("participant_joined", PERSON), SETTLE_S - 1) == []
    office = FakeOffice(PERSON)
    office.dispatch(0)
    assert len(tend(office, event("participant_joined", PERSON), SETTLE_S + 1)) == 1


def test_a_room_that_nobody_takes_is_tried_again_and_keeps_one_dispatch() -> None:
    office = room_of(PERSON)
    assert len(tend(office, event("participant_joined", PERSON), 3 * SETTLE_S - 1)) == 3


def test_who_begins_to_serve_looks_after_every_room() -> None:
    assert len(tend(room_of(PERSON), lambda tender: tender.look_after_all())) == 1


def test_a_server_that_is_away_is_no_disaster() -> None:
    office = room_of(PERSON)
    office.is_away = True
    assert tend(office, lambda tender: tender.look_after_all()) == []
    assert tend(office, event("participant_joined", PERSON)) == []
