"""Two servers with one store: a session leaves one and goes on at the other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocket, WebSocketDisconnect

from voicechat.conversation.fake_conversation import DEFAULT_CONFIG, FakeConversation, FakeFactory
from voicechat.conversation.items import Message, ToolCall, ToolOutput
from voicechat.conversation.port import ReplyFinished, ReplyStarted, ReplyStatus, ReplyText, ReplyToolCall
from voicechat.fleet.fake import FakeFleet
from voicechat.transports.realtime.connection import RealtimeServices, serve_connection
from voicechat.transports.realtime.handshake import read_handshake
from voicechat.transports.realtime.moving import MovedSession, MoveError, Moves
from voicechat.transports.realtime.voices import VoiceDirectory

SECRET = {"instructions": "Be brief.", "tools": [{"type": "function", "name": "look", "parameters": {}}]}


class FakeStore:
    """A store shared by processes, which may be away."""

    def __init__(self) -> None:
        self.records: dict[str, str] = {}
        self.is_away = False

    async def put(self, name: str, record: str) -> None:
        self._ask()
        self.records[name] = record

    async def get(self, name: str) -> str | None:
        self._ask()
        return self.records.get(name)

    async def drop(self, name: str) -> None:
        self._ask()
        self.records.pop(name, None)

    def _ask(self) -> None:
        if self.is_away:
            raise MoveError("Redis does not answer")


class Process:
    """An orchestrator with fake conversations."""

    def __init__(self, store: FakeStore, executor: ThreadPoolExecutor) -> None:
        self.owner: str | None = "key_1"
        self.factory = FakeFactory(prepare=_scripted)
        self.moves = Moves(store)
        self._services = RealtimeServices(
            conversations=self.factory,
            voices=VoiceDirectory(FakeFleet(), DEFAULT_CONFIG.voice, {}),
            executor=executor,
            max_frame_bytes=100_000,
            moves=self.moves,
        )
        self.client = TestClient(Starlette(routes=[WebSocketRoute("/v1/realtime", self._serve)]))

    async def _serve(self, socket: WebSocket) -> None:
        handshake = read_handshake(socket.query_params, socket.scope["subprotocols"], SECRET, self.owner)
        await serve_connection(socket, handshake, self._services, _never)

    def connect(self, token: str = "", query: str = "") -> WebSocketTestSession:
        offered = ["realtime", *([f"voicechat-resume.{token}"] if token else [])]
        return self.client.websocket_connect(f"/v1/realtime{query}", subprotocols=offered)

    def drain(self) -> None:
        assert self.client.portal is not None
        self.client.portal.call(self._drain)

    async def _drain(self) -> None:
        self.moves.begin()


def _scripted(conversation: FakeConversation) -> None:
    conversation.reactions["create_reply"] = lambda talk, _: talk.emit(
        ReplyStarted("r1", "a1", None),
        ReplyText("r1", "Let me see."),
        ReplyToolCall("r1", "f1", "call_1", "look", "{}"),
        ReplyFinished("r1", "a1", ReplyStatus.COMPLETED, "stop", "Let me see.", 20),
    )


async def _never() -> tuple[str, str]:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def processes(store: FakeStore, executor: ThreadPoolExecutor) -> Iterator[tuple[Process, Process]]:
    one, other = Process(store, executor), Process(store, executor)
    with one.client, other.client:
        yield one, other


def read_until(socket: WebSocketTestSession, kind: str) -> dict[str, Any]:
    while (event := socket.receive_json())["type"] != kind:
        pass
    found: dict[str, Any] = event
    return found


def talk(socket: WebSocketTestSession) -> None:
    content = [{"type": "input_text", "text": "What do you see?"}]
    item = {"id": "u1", "type": "message", "role": "user", "content": content}
    socket.send_json({"type": "conversation.item.create", "item": item})
    socket.send_json({"type": "response.create"})
    read_until(socket, "response.done")
    item = {"id": "o1", "type": "function_call_output", "call_id": "call_1", "output": "a cat"}
    socket.send_json({"type": "conversation.item.create", "item": item})
    read_until(socket, "conversation.item.done")


def leave(process: Process, socket: WebSocketTestSession) -> str:
    process.drain()
    token = str(read_until(socket, "voicechat.session.moved")["resume_token"])
    socket.send_json({"type": "voicechat.session.leave"})
    with pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()
    assert closed.value.code == 1012
    return token


def test_a_session_goes_on_elsewhere_with_its_history_and_its_configuration(
    processes: tuple[Process, Process], store: FakeStore
) -> None:
    one, other = processes
    with one.connect() as socket:
        begun = read_until(socket, "session.created")["session"]
        talk(socket)
        token = leave(one, socket)
    assert one.factory.active == 0 and token not in "".join(store.records)

    with other.connect(token) as socket:
        assert read_until(socket, "session.created")["session"] == begun
        socket.send_json({"type": "conversation.item.retrieve", "item_id": "u1"})
        assert read_until(socket, "conversation.item.retrieved")["item"]["id"] == "u1"
        (conversation,) = other.factory.opened
        assert conversation.past == [
            Message("u1", "user", "What do you see?"),
            Message("a1", "assistant", "Let me see."),
            ToolCall("f1", "call_1", "look", "{}"),
            ToolOutput("o1", "call_1", "a cat"),
        ]
    assert not store.records


def test_a_client_that_stays_is_served(processes: tuple[Process, Process], store: FakeStore) -> None:
    with processes[0].connect() as socket:
        processes[0].drain()
        read_until(socket, "voicechat.session.moved")
        talk(socket)
    assert not store.records


def test_a_client_without_our_extension_is_not_asked_to_move(processes: tuple[Process, Process]) -> None:
    with processes[0].connect(query="?voicechat=off") as socket:
        processes[0].drain()
        socket.send_json({"type": "voicechat.session.leave"})
        assert read_until(socket, "error")["error"]["code"] == "session_not_moving"


@pytest.mark.parametrize(("owner", "shown"), [("key_2", True), ("key_1", False)], ids=["another key", "unknown token"])
def test_a_session_is_taken_only_with_its_token_and_by_its_owner(
    processes: tuple[Process, Process], owner: str, shown: bool
) -> None:
    one, other = processes
    with one.connect() as socket:
        talk(socket)
        token = leave(one, socket)

    other.owner = owner
    with other.connect(token if shown else "guessed") as socket:
        assert read_until(socket, "error")["error"]["code"] == "session_not_found"
        assert list(other.factory.opened[0].past) == []


def test_a_session_that_cannot_be_kept_stays(processes: tuple[Process, Process], store: FakeStore) -> None:
    with processes[0].connect() as socket:
        processes[0].drain()
        read_until(socket, "voicechat.session.moved")
        store.is_away = True
        socket.send_json({"type": "voicechat.session.leave"})
        assert read_until(socket, "error")["error"]["code"] == "session_not_moved"
        talk(socket)


def test_where_the_store_is_away_a_client_is_told_to_try_again(
    processes: tuple[Process, Process], store: FakeStore
) -> None:
    store.is_away = True
    with processes[1].connect("token") as socket:
        assert read_until(socket, "error")["error"]["code"] == "resume_unavailable"
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 1013


def test_a_conversation_that_is_too_long_is_not_kept() -> None:
    item = {"id": "u1", "type": "message", "role": "user", "content": [{"text": "a" * 5_000_000}]}
    with pytest.raises(MoveError, match="too long"):
        asyncio.run(Moves(FakeStore()).keep("token", MovedSession("sess_1", None, {}, [item])))
