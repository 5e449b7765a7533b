"""The rooms of one process: taken from LiveKit, served on the conversations that all transports share, handed over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from voicechat.conversation.tasks import TaskOwner
from voicechat.transports.rooms.call import Call, House
from voicechat.transports.rooms.livekit_room import LiveKitRoom
from voicechat.transports.rooms.order import Order
from voicechat.transports.rooms.port import RoomError
from voicechat.transports.rooms.registration import FULL, Assignment, Registration
from voicechat.transports.rooms.server import LiveKitServer, RoomOffice
from voicechat.transports.rooms.tending import Tender
from voicechat.transports.rooms.tokens import Ticket, issue_ticket
from voicechat.transports.rooms.webhook import read_event

log = structlog.get_logger(__name__)

HANDING_OVER_S = 5.0
"""At least this long may another orchestrator take to enter a room that is handed over, s."""

KEEP_ROOM_S = 20.0
"""How long LiveKit keeps a room beyond the time in which a person may come back, s."""

Load = Callable[[], float]
"""How busy the process is, from 0 to 1; 1 while it takes nothing new."""


@dataclass(slots=True)
class _Held:
    """A room that is served; `call` once it was entered."""

    room: str
    task: asyncio.Task[None]
    call: Call | None = None

    @property
    def talks(self) -> bool:
        return self.call is not None and self.call.talks


class Rooms:
    """Serves rooms while `run` runs. `load` is that of the conversations, `most` how many there may be."""

    def __init__(self, server: LiveKitServer, house: House, load: Load, most: int, token_ttl_s: float) -> None:
        self._server = server
        self._house = house
        self._token_ttl_s = token_ttl_s
        self._load = load
        self._most = most
        self._office = RoomOffice(server)
        self._tender = Tender(self._office, server.agent_name)
        self._registration = Registration(server, self)
        self._calls: dict[str, _Held] = {}
        self._tasks = TaskOwner()
        self._draining = False

    async def run(self) -> None:
        """Take rooms until cancelled."""
        await self._registration.run()

    def ticket(self, order: Order, name: str, room: str | None) -> Ticket:
        """Let a person into `room`, or into a new one."""
        keep_s = self._house.reconnect_grace_s + KEEP_ROOM_S
        return issue_ticket(
            self._server, order, ttl_s=self._token_ttl_s, departure_timeout_s=keep_s, name=name, room=room
        )

    @property
    def public_url(self) -> str:
        """Where people's clients connect to."""
        return self._server.public_url

    def notice(self, body: bytes, authorization: str) -> None:
        """LiveKit's webhook was called. Raises `UnsignedError` or `MalformedError`."""
        self._tender.notice(read_event(self._server, body, authorization))

    # --- what the registration asks

    @property
    def load(self) -> float:
        """That of the conversations, and of rooms whose conversation has not begun."""
        if self._draining:
            return FULL
        silent = sum(not held.talks for held in self._calls.values())
        return self._load() + silent * self.share

    @property
    def share(self) -> float:
        """What one more room adds to it."""
        return 1 / self._most

    @property
    def taken(self) -> int:
        """Rooms served now."""
        return len(self._calls)

    @property
    def is_registered(self) -> bool:
        """Whether LiveKit knows of us."""
        return self._registration.is_registered

    def take(self, assignment: Assignment) -> None:
        """Serve a room."""
        task = self._tasks.start(self._serve(assignment), "room")
        self._calls[assignment.job_id] = _Held(assignment.room, task)
        self._registration.changed()

    def drop(self, job_id: str) -> None:
        """Serve it no longer."""
        if held := self._calls.get(job_id):
            held.task.cancel()

    def registered(self) -> None:
        """Look after rooms that wait for somebody."""
        self._tasks.start(self._tender.look_after_all(), "look after rooms")

    # --- the end

    async def drain(self, grace_s: float) -> None:
        """Take no more, and hand over what there is; rooms that nobody takes are served for `grace_s`."""
        self._draining = True
        self._registration.changed()
        await asyncio.gather(
            *(self._pass_on(held, held.call, grace_s) for held in self._calls.values() if held.call is not None)
        )

    async def aclose(self) -> None:
        """Leave every room."""
        await self._tasks.aclose()
        await self._tender.aclose()
        await self._office.aclose()

    async def _pass_on(self, held: _Held, call: Call, grace_s: float) -> None:
        now = asyncio.get_running_loop().time
        end_s = now() + grace_s
        try:
            came = await call.hand_over(
                lambda order: self._office.send_for_agent(held.room, order), max(HANDING_OVER_S, grace_s)
            )
            if came:
                log.info("a room was handed over", room=held.room)
        except RoomError as error:
            log.warning("a room could not be handed over", room=held.room, reason=str(error))
        await asyncio.wait((held.task,), timeout=max(0.0, end_s - now()))

    async def _serve(self, assignment: Assignment) -> None:
        structlog.contextvars.bind_contextvars(session=assignment.room)
        room = LiveKitRoom(self._server.agent_name)
        reason = "it was ended"
        try:
            await room.enter(assignment.url, assignment.token)
            call = Call(room, assignment.order, self._house)
            self._calls[assignment.job_id].call = call
            reason = await call.run()
        except RoomError as error:
            reason = str(error)
        finally:
            self._calls.pop(assignment.job_id, None)
            log.info("a room is left", room=assignment.room, reason=reason)
            await room.leave()
            await self._registration.ended(assignment.job_id)
