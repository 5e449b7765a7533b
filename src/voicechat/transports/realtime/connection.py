"""One Realtime WebSocket, from handshake to close."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import anyio
import structlog
from openai.types.realtime import RealtimeSessionCreateRequest, SessionCreatedEvent
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from voicechat.conversation.port import CommandRefused, Conversation, ConversationFactory
from voicechat.transports.realtime.errors import ProtocolError, from_validation, unsupported
from voicechat.transports.realtime.handshake import Handshake
from voicechat.transports.realtime.inbound import Inbound, LeavingError
from voicechat.transports.realtime.meter import InputMeter
from voicechat.transports.realtime.moving import MovedSession, MoveError, Moves, new_token
from voicechat.transports.realtime.outbound import FatalError, Outbound
from voicechat.transports.realtime.outbox import MAX_WAITING_CHARS, Outbox, SlowReaderError
from voicechat.transports.realtime.protocol import build, encode, error_event, extension, new_id
from voicechat.transports.realtime.session import Session
from voicechat.transports.realtime.session_config import SessionConfig, apply, check_model, describe
from voicechat.transports.realtime.voices import VoiceDirectory
from voicechat.transports.realtime.wire import parse_frame

log = structlog.get_logger(__name__)

CLOSE_TIMEOUT_S = 2.0
"""How long the last frames may take to leave, s."""
LARGE_FRAME_CHARS = 65_536
"""Frames beyond this are parsed off the event loop."""
MAX_TEXT_FRAME_CHARS = 1_500_000
"""Only audio comes in frames beyond this: what else a client sends is kept, and told back to it."""
READ_PATIENCE_S = 10.0
"""How long a client may send events while it leaves much of what it was sent unread, s."""

NORMAL, POLICY_VIOLATION, SERVER_ERROR, SERVICE_RESTART, TRY_AGAIN_LATER = 1000, 1008, 1011, 1012, 1013
"""Close codes, RFC 6455 section 7.4.1 and IANA's registry."""
ACCESS_ENDED = 3000
"""Close code of a key that ceased to be in force: "unauthorized" in IANA's registry."""


@dataclass(frozen=True, slots=True)
class RealtimeServices:
    """What every connection of a process shares. `moves`: None where sessions end with the process."""

    conversations: ConversationFactory
    voices: VoiceDirectory
    executor: Executor
    max_frame_bytes: int
    moves: Moves | None = None
    max_waiting_chars: int = MAX_WAITING_CHARS
    clock: Callable[[], float] = time.monotonic


class ConnectionEndError(Exception):
    """The connection is over, by this code and for this reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


UntilEnded = Callable[[], Awaitable[tuple[str, str]]]
"""Returns when a connection must end for reasons of its caller's, with a code and a sentence."""


async def serve_connection(
    socket: WebSocket, handshake: Handshake, services: RealtimeServices, until_ended: UntilEnded
) -> None:
    """Hold one conversation over `socket` until `until_ended` returns at most, and leave nothing behind."""
    await socket.accept(subprotocol=handshake.subprotocol)
    try:
        _check_intent(handshake.intent)
        moved = await _find_moved(handshake, services.moves)
        session_id = moved.id if moved else new_id("sess")
        # The tasks of the conversation inherit it.
        structlog.contextvars.bind_contextvars(session=session_id)
        config = await initial_config(handshake.model, moved.session if moved else handshake.session, services)
        conversation = await services.conversations.open(config.conversation, moved.past if moved else ())
    except (ProtocolError, CommandRefused) as error:
        await _refuse(socket, error)
        return
    try:
        connection = _Connection(socket, handshake, services, conversation, config, moved, session_id)
        end = await connection.run(until_ended)
    finally:
        await conversation.aclose()
    await _close(socket, end)


async def initial_config(model: str, session: Mapping[str, Any], services: RealtimeServices) -> SessionConfig:
    """What a new session holds: the defaults, changed by what a client secret fixed. Raises `ProtocolError`."""
    config = SessionConfig(services.conversations.default_config(), model=check_model(model))
    if not session:
        return config
    try:
        request = RealtimeSessionCreateRequest.model_validate({"type": "realtime", **session}, strict=True)
    except ValidationError as error:
        raise from_validation(error, "session") from error
    return replace(await apply(config, request, services.voices), model=config.model)


def _check_intent(intent: str) -> None:
    if intent != "conversation":
        raise unsupported("intent", f"intent={intent[:50]} is not supported: leave it out to hold a conversation")


async def _find_moved(handshake: Handshake, moves: Moves | None) -> MovedSession | None:
    """The session that the client goes on with, if it is kept. Raises `CommandRefused` where that cannot be known."""
    if handshake.resume_token is None or moves is None:
        return None
    try:
        return await moves.find(handshake.resume_token, handshake.owner)
    except MoveError as error:
        raise CommandRefused("resume_unavailable", str(error)) from error


class _Connection:
    """Three flows of one client: its events, the conversation's events, and the frames that leave."""

    def __init__(
        self,
        socket: WebSocket,
        handshake: Handshake,
        services: RealtimeServices,
        conversation: Conversation,
        config: SessionConfig,
        moved: MovedSession | None,
        session_id: str,
    ) -> None:
        self._socket = socket
        self._handshake = handshake
        self._moved = moved
        self._services = services
        self._conversation = conversation
        self._outbox = Outbox(services.max_waiting_chars)
        self._session = Session(
            id=session_id,
            conversation=conversation,
            config=config,
            voices=services.voices,
            meter=InputMeter(services.clock),
            send=self._outbox.put,
        )
        for item in moved.items if moved else ():
            self._session.items.put(item)
        self._inbound = Inbound(self._session, services.executor)
        self._outbound = Outbound(self._session, extensions=handshake.extensions)

    async def run(self, until_ended: UntilEnded) -> ConnectionEndError:
        """Serve until one side ends; returns how."""
        end = ConnectionEndError(NORMAL, "over")
        self._session.send(build(SessionCreatedEvent, session=describe(self._session.config, self._session.id)))
        await self._tell_of_resumption()
        try:
            async with anyio.create_task_group() as flows:
                flows.start_soon(self._read)
                flows.start_soon(self._listen)
                flows.start_soon(self._write)
                flows.start_soon(self._leave, until_ended)
                flows.start_soon(self._ask_to_move)
        except* ConnectionEndError as ends:
            end = _first(ends)
        except* Exception:
            log.exception("realtime connection broke", session=self._session.id)
            end = ConnectionEndError(SERVER_ERROR, "internal error")
        await self._flush(end)
        return end

    async def _leave(self, until_ended: UntilEnded) -> None:
        code, message = await until_ended()
        self._session.send(error_event(message, code=code))
        raise ConnectionEndError(ACCESS_ENDED, message)

    async def _tell_of_resumption(self) -> None:
        token, moves = self._handshake.resume_token, self._services.moves
        if token is None:
            return
        if self._moved is None or moves is None:
            message = "there is no session to go on with (sessions that move are kept for a minute); this is a new one"
            self._session.send(error_event(message, code="session_not_found"))
            return
        # A store that went away meanwhile forgets by itself.
        with suppress(MoveError):
            await moves.drop(token)

    async def _ask_to_move(self) -> None:
        """Once this process drains, offer clients that can to go on elsewhere."""
        moves = self._services.moves
        if moves is None or not self._handshake.extensions:
            return
        await moves.begun()
        self._session.resume_token = new_token()
        self._session.send(extension("voicechat.session.moved", resume_token=self._session.resume_token))

    async def _hand_over(self) -> None:
        """Keep the session for another process, and end here; where it cannot be kept, the client is told to stay."""
        token, moves = self._session.resume_token, self._services.moves
        assert token is not None and moves is not None, "only a session that was told to move can leave"
        try:
            await moves.keep(token, self._session.moved(self._handshake.owner))
        except MoveError as error:
            self._session.send(error_event(str(error), code="session_not_moved", kind="server_error"))
            return
        raise ConnectionEndError(SERVICE_RESTART, "the session goes on elsewhere")

    async def _flush(self, end: ConnectionEndError) -> None:
        """Send what still waits, such as the error that ended the conversation, to a client that reads."""
        if end.code == POLICY_VIOLATION or self._socket.client_state is not WebSocketState.CONNECTED:
            return
        with suppress(WebSocketDisconnect, RuntimeError, OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                for frame in self._outbox.drain():
                    await self._socket.send_text(frame)

    async def _read(self) -> None:
        while True:
            await self._room_to_answer()
            frame = await self._receive()
            try:
                await self._inbound.obey(await self._parse(frame))
            except LeavingError:
                await self._hand_over()
            except ProtocolError as error:
                self._session.send(error_event(str(error), code=error.code, param=error.param))
            except SlowReaderError as error:
                raise ConnectionEndError(POLICY_VIOLATION, str(error)) from error

    async def _room_to_answer(self) -> None:
        """Answers to a burst of events leave before the next event is taken."""
        try:
            async with asyncio.timeout(READ_PATIENCE_S):
                await self._outbox.room()
        except TimeoutError as error:
            raise ConnectionEndError(POLICY_VIOLATION, "too much that was sent is left unread") from error

    async def _receive(self) -> str | bytes:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise ConnectionEndError(NORMAL, "the client left")
        frame: str | bytes | None = message.get("text")
        return message["bytes"] if frame is None else frame

    async def _parse(self, frame: str | bytes) -> dict[str, Any]:
        limit = self._services.max_frame_bytes
        if len(frame) > limit:
            raise ProtocolError("frame_too_large", f"a frame has at most {limit} bytes; send audio in smaller pieces")
        if len(frame) <= LARGE_FRAME_CHARS:
            return parse_frame(frame)
        event = await asyncio.get_running_loop().run_in_executor(self._services.executor, parse_frame, frame)
        if len(frame) > MAX_TEXT_FRAME_CHARS and event.get("type") != "input_audio_buffer.append":
            raise ProtocolError("frame_too_large", f"an event without audio has at most {MAX_TEXT_FRAME_CHARS} bytes")
        return event

    async def _listen(self) -> None:
        try:
            async for event in self._conversation.events():
                self._outbound.tell(event)
        except SlowReaderError as error:
            raise ConnectionEndError(POLICY_VIOLATION, str(error)) from error
        except FatalError as error:
            raise ConnectionEndError(SERVER_ERROR, str(error)) from error
        raise ConnectionEndError(NORMAL, "the conversation is over")

    async def _write(self) -> None:
        try:
            await self._outbox.send_each(self._socket.send_text)
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            raise ConnectionEndError(NORMAL, "the client left") from error


def _first(ends: BaseExceptionGroup[ConnectionEndError]) -> ConnectionEndError:
    first = ends.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


async def _refuse(socket: WebSocket, error: ProtocolError | CommandRefused) -> None:
    refused = isinstance(error, CommandRefused)
    kind = "server_error" if refused else "invalid_request_error"
    event = error_event(str(error), code=error.code, param=getattr(error, "param", None), kind=kind)
    with suppress(WebSocketDisconnect, RuntimeError, OSError):
        await socket.send_text(encode(event))
    await _close(socket, ConnectionEndError(TRY_AGAIN_LATER if refused else POLICY_VIOLATION, str(error)))


async def _close(socket: WebSocket, end: ConnectionEndError) -> None:
    """Say goodbye to a client that may be gone, or may not be reading."""
    if socket.client_state is not WebSocketState.CONNECTED:
        return
    with suppress(WebSocketDisconnect, RuntimeError, OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await socket.close(end.code, end.reason.encode()[:120].decode(errors="ignore"))
