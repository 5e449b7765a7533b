"""Sends for an agent where people wait in a room of ours and none is there.

LiveKit dispatches once, when a room begins. An orchestrator that dies, or a room that begins while none has a place,
leaves people alone; its webhook and every registration are the occasions to notice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog
from livekit import api

from voicechat.conversation.tasks import TaskOwner
from voicechat.transports.rooms.names import runs_functions
from voicechat.transports.rooms.order import Order, read_order
from voicechat.transports.rooms.port import RoomError

log = structlog.get_logger(__name__)

SETTLE_S = 5.0
"""A dispatch younger than this may still bring its agent."""
MAX_WATCHED = 1000
"""Rooms that are looked after at once."""
NANOSECONDS = 1e9

_Kind = api.ParticipantInfo.Kind
PEOPLE = frozenset((_Kind.STANDARD, _Kind.SIP, _Kind.CONNECTOR))
AGENT_NAME_ATTRIBUTE = "lk.agent_name"


class Office(Protocol):
    """What is asked of the server; each raises `RoomError` when it does not answer."""

    async def rooms(self) -> list[str]:
        """Names of the rooms that are open."""

    async def participants(self, room: str) -> list[api.ParticipantInfo]:
        """Who is in a room."""

    async def dispatches(self, room: str) -> list[api.AgentDispatch]:
        """How often our agent was sent for, the newest last."""

    async def send_for_agent(self, room: str, order: Order) -> None:
        """Let one of the orchestrators take the room."""

    async def forget_dispatch(self, room: str, dispatch_id: str) -> None:
        """Drop a dispatch whose agent is gone."""


class Tender:
    """Looks after rooms. `wall` gives seconds since the epoch."""

    def __init__(self, office: Office, agent_name: str, wall: Callable[[], float] = time.time) -> None:
        self._office = office
        self._agent_name = agent_name
        self._wall = wall
        self._tasks = TaskOwner()
        self._watched: set[str] = set()

    def notice(self, event: api.WebhookEvent) -> None:
        """LiveKit's webhook: somebody came, or an agent left."""
        came = event.event == "participant_joined" and _is_person(event.participant)
        left = event.event == "participant_left" and event.participant.kind == _Kind.AGENT
        if came or left:
            self.look_after(event.room.name)

    def look_after(self, room: str) -> None:
        """See, soon, that the room has an agent."""
        if room in self._watched or len(self._watched) >= MAX_WATCHED:
            return
        self._watched.add(room)
        self._tasks.start(self._look_after(room), "tend a room")

    async def look_after_all(self) -> None:
        """Every room that is open; for those who begin to serve."""
        try:
            for room in await self._office.rooms():
                self.look_after(room)
        except RoomError as error:
            log.warning("rooms could not be looked after", reason=str(error))

    async def aclose(self) -> None:
        """Look after nothing more."""
        await self._tasks.aclose()

    async def _look_after(self, room: str) -> None:
        try:
            while (wait_s := await self._tend(room)) > 0:  # noqa: ASYNC110 - only the server knows
                await asyncio.sleep(wait_s)
        except RoomError as error:
            log.warning("a room could not be looked after", reason=str(error))
        finally:
            self._watched.discard(room)

    async def _tend(self, room: str) -> float:
        """Send for an agent if one is missing. Returns after how many seconds to look again; 0: all is well."""
        dispatches = await self._office.dispatches(room)
        if not dispatches:
            return 0.0
        age_s = self._wall() - dispatches[-1].state.created_at / NANOSECONDS
        participants = await self._office.participants(room)
        if not any(map(_is_person, participants)) or any(map(self._is_ours, participants)):
            return 0.0
        if age_s < SETTLE_S:
            return SETTLE_S - age_s
        log.info("an agent is sent for again", dispatches=len(dispatches))
        await self._send_again(room, dispatches)
        return SETTLE_S

    async def _send_again(self, room: str, dispatches: Iterable[api.AgentDispatch]) -> None:
        order = Order()
        for old in dispatches:
            order = read_order(old.metadata)
            await self._office.forget_dispatch(room, old.id)
        await self._office.send_for_agent(room, order.afresh())

    def _is_ours(self, participant: api.ParticipantInfo) -> bool:
        return participant.kind == _Kind.AGENT and participant.attributes.get(AGENT_NAME_ATTRIBUTE) == self._agent_name


def _is_person(participant: api.ParticipantInfo) -> bool:
    return participant.kind in PEOPLE and not runs_functions(participant.attributes)
