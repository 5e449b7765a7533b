"""The process as one of LiveKit's agent workers: it tells its load, and is sent the rooms that it takes.

The protocol is that of LiveKit's agent framework (`livekit.protocol.agent`), spoken on the event loop that holds models
and conversations: the framework's own server would give each room a process or a thread with a loop of its own.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import structlog
from livekit import api
from livekit.protocol import agent, models
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from voicechat.transports.rooms.order import Order, read_order
from voicechat.transports.rooms.server import LiveKitServer

log = structlog.get_logger(__name__)

STATUS_S = 2.5
"""How often the load is told when nothing changes."""
ASSIGNMENT_TIMEOUT_S = 8.0
"""How long a place is kept for a room that was offered and taken."""
OPEN_TIMEOUT_S = 5.0
HEARTBEAT_S = 10.0
RETRY_S = (0.5, 10.0)
"""Wait before the first try again, and at most."""
TOKEN_LIFE = timedelta(minutes=5)
FULL = 1.0
TARGET_LOAD = 0.7
"""LiveKit's `agents.target_load`: it offers nothing to a worker that says this much or more."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A room to serve: where it is, and the token of the agent."""

    job_id: str
    room: str
    url: str
    token: str
    order: Order


class Taker(Protocol):
    """What takes rooms."""

    @property
    def load(self) -> float:
        """From 0, idle, to 1, no room can be taken."""

    @property
    def share(self) -> float:
        """What one more room adds to the load."""

    @property
    def taken(self) -> int:
        """Rooms served now."""

    def take(self, assignment: Assignment) -> None:
        """Serve a room."""

    def drop(self, job_id: str) -> None:
        """Serve it no longer: LiveKit has ended the job."""

    def registered(self) -> None:
        """From now on rooms may come."""


class Registration:
    """Stays registered while `run` runs, however often the server goes away."""

    def __init__(self, server: LiveKitServer, taker: Taker) -> None:
        self._server = server
        self._taker = taker
        self._socket: ClientConnection | None = None
        self._promised: dict[str, asyncio.TimerHandle] = {}
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Register, and serve until cancelled."""
        wait_s = RETRY_S[0]
        while True:
            try:
                async with connect(
                    _agent_url(self._server.url),
                    additional_headers={"Authorization": f"Bearer {self._token()}"},
                    open_timeout=OPEN_TIMEOUT_S,
                    ping_interval=HEARTBEAT_S,
                    ping_timeout=HEARTBEAT_S,
                    close_timeout=1.0,
                    proxy=None,
                ) as socket:
                    await self._register(socket)
                    wait_s = RETRY_S[0]
                    await self._serve(socket)
            except (WebSocketException, OSError, TimeoutError) as error:
                log.warning("LiveKit is away", retry_in_s=wait_s, reason=str(error) or type(error).__name__)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RETRY_S[1])

    @property
    def is_registered(self) -> bool:
        """Whether the server knows of us."""
        return self._socket is not None

    def changed(self) -> None:
        """The load is another: tell it now."""
        self._changed.set()

    async def ended(self, job_id: str) -> None:
        """A room is served no longer."""
        status = agent.UpdateJobStatus(job_id=job_id, status=agent.JobStatus.JS_SUCCESS)
        await self._send(agent.WorkerMessage(update_job=status))
        self.changed()

    def _token(self) -> str:
        token = api.AccessToken(self._server.api_key, self._server.api_secret)
        return token.with_grants(api.VideoGrants(agent=True)).with_ttl(TOKEN_LIFE).to_jwt()

    async def _register(self, socket: ClientConnection) -> None:
        permissions = models.ParticipantPermission(
            can_publish=True, can_subscribe=True, can_publish_data=True, can_update_metadata=True, agent=True
        )
        request = agent.RegisterWorkerRequest(
            type=agent.JobType.JT_ROOM,
            agent_name=self._server.agent_name,
            version=version("voicechat"),
            allowed_permissions=permissions,
        )
        await socket.send(agent.WorkerMessage(register=request).SerializeToString())
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            answer = _read(await socket.recv())
        if not answer.HasField("register"):
            raise OSError("the server did not answer the registration")
        log.info("registered with LiveKit", agent=self._server.agent_name, worker=answer.register.worker_id)

    async def _serve(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.changed()
        telling = asyncio.create_task(self._tell_load(), name="load for LiveKit")
        try:
            self._taker.registered()
            async for message in socket:
                await self._obey(_read(message))
        finally:
            self._socket = None
            telling.cancel()
            await asyncio.wait((telling,))

    async def _obey(self, message: agent.ServerMessage) -> None:
        match message.WhichOneof("message"):
            case "availability":
                await self._answer(message.availability.job)
            case "assignment":
                self._begin(message.assignment)
            case "termination":
                self._taker.drop(message.termination.job_id)

    async def _answer(self, job: agent.Job) -> None:
        available = self._load() < FULL
        answer = agent.AvailabilityResponse(job_id=job.id, available=available)
        if available:
            answer.participant_identity = f"agent-{job.id}"
            loop = asyncio.get_running_loop()
            self._promised[job.id] = loop.call_later(ASSIGNMENT_TIMEOUT_S, self._promised.pop, job.id, None)
        await self._send(agent.WorkerMessage(availability=answer))
        self.changed()

    def _begin(self, assignment: agent.JobAssignment) -> None:
        job = assignment.job
        if timer := self._promised.pop(job.id, None):
            timer.cancel()
        url = assignment.url or self._server.url
        self._taker.take(Assignment(job.id, job.room.name, url, assignment.token, read_order(job.metadata)))

    def _load(self) -> float:
        """Rooms that were promised and are not here yet count as those that are: they will."""
        return self._taker.load + len(self._promised) * self._taker.share

    async def _tell_load(self) -> None:
        while True:
            load = self._load()
            status = agent.WorkerStatus.WS_AVAILABLE if load < FULL else agent.WorkerStatus.WS_FULL
            told = min(load, FULL) * TARGET_LOAD
            update = agent.UpdateWorkerStatus(load=told, status=status, job_count=self._taker.taken)
            await self._send(agent.WorkerMessage(update_worker=update))
            self._changed.clear()
            try:
                async with asyncio.timeout(STATUS_S):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _send(self, message: agent.WorkerMessage) -> None:
        if self._socket is None:
            return
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await self._socket.send(message.SerializeToString())
        except (WebSocketException, TimeoutError) as error:
            log.warning("LiveKit was not told", what=message.WhichOneof("message"), reason=str(error))


def _read(message: str | bytes) -> agent.ServerMessage:
    """Raises `OSError` for what is not of the protocol."""
    if isinstance(message, str):
        raise OSError("the server sent text where the protocol has bytes")
    return agent.ServerMessage.FromString(message)


def _agent_url(url: str) -> str:
    scheme, host, path, _, _ = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(scheme, scheme)
    return urlunsplit((scheme, host, f"{path.rstrip('/')}/agent", "", ""))
