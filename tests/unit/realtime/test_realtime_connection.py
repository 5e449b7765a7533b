from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from voicechat.conversation.fake_conversation import DEFAULT_CONFIG, FakeConversation, FakeFactory
from voicechat.conversation.port import (
    ConversationFailed,
    ReplyAudio,
    ReplyFinished,
    ReplyStarted,
    ReplyStatus,
    ReplyText,
)
from voicechat.fleet.fake import FakeFleet
from voicechat.transports.realtime.connection import RealtimeServices, UntilEnded, serve_connection
from voicechat.transports.realtime.handshake import Handshake, read_handshake
from voicechat.transports.realtime.inbound import HANDLERS
from voicechat.transports.realtime.voices import VoiceDirectory

LIMIT_BYTES = 100_000


def answer(conversation: FakeConversation, _: tuple[Any, ...]) -> None:
    conversation.emit(
        ReplyStarted("r1", "a1", None),
        ReplyText("r1", "Hello."),
        ReplyAudio("r1", "a1", np.zeros(480, np.int16), 0.0),
        ReplyFinished("r1", "a1", ReplyStatus.COMPLETED, "stop", "Hello.", 20),
    )


def prepare(conversation: FakeConversation) -> None:
    conversation.reactions["create_reply"] = answer


async def never() -> tuple[str, str]:
    await asyncio.Event().wait()
    raise AssertionError


async def at_once() -> tuple[str, str]:
    return "revoked_api_key", "the API key 'phone' was revoked"


class Server:
    """Realtime connections over fake conversations, without a network."""

    def __init__(self, executor: ThreadPoolExecutor, **services: Any) -> None:
        self.factory = FakeFactory(capacity=2, prepare=prepare)
        self.services = RealtimeServices(
            conversations=self.factory,
            voices=VoiceDirectory(FakeFleet(), DEFAULT_CONFIG.voice, {}),
            executor=executor,
            max_frame_bytes=LIMIT_BYTES,
            **services,
        )
        self.until_ended: UntilEnded = never
        self.client = TestClient(Starlette(routes=[WebSocketRoute("/v1/realtime", self._serve)]))

    async def _serve(self, socket: WebSocket) -> None:
        offered = socket.scope["subprotocols"]
        handshake = read_handshake(socket.query_params, offered, {})
        await serve_connection(socket, handshake, self.services, self.until_ended)

    def connect(self, query: str = "?model=gpt-realtime", **options: Any) -> WebSocketTestSession:
        return self.client.websocket_connect(f"/v1/realtime{query}", **options)


@pytest.fixture
def server(executor: ThreadPoolExecutor) -> Iterator[Server]:
    made = Server(executor)
    with made.client:
        yield made


def read_until(socket: WebSocketTestSession, kind: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] != kind:
        events.append(socket.receive_json())
    return events


def error_for(socket: WebSocketTestSession, frame: str | bytes) -> dict[str, Any]:
    socket.send_bytes(frame) if isinstance(frame, bytes) else socket.send_text(frame)
    event = socket.receive_json()
    assert event["type"] == "error"
    error: dict[str, Any] = event["error"]
    return error


def is_alive(socket: WebSocketTestSession) -> bool:
    socket.send_json({"type": "input_audio_buffer.clear", "event_id": "alive"})
    return read_until(socket, "input_audio_buffer.cleared") != []


def test_a_connection_whose_key_is_revoked_is_told_and_closed(server: Server) -> None:
    server.until_ended = at_once
    with server.connect() as socket:
        assert read_until(socket, "error")[-1]["error"]["code"] == "revoked_api_key"
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 3000


def test_a_connection_begins_with_its_session(server: Server) -> None:
    with server.connect() as socket:
        created = socket.receive_json()
        assert created["type"] == "session.created"
        assert created["session"]["model"] == "gpt-realtime"
        assert created["session"]["instructions"] == DEFAULT_CONFIG.instructions


def test_a_reply_comes_back(server: Server) -> None:
    with server.connect() as socket:
        socket.send_json({"type": "response.create"})
        events = read_until(socket, "response.done")
        assert "response.output_audio.delta" in [event["type"] for event in events]


def test_a_client_that_leaves_ends_its_conversation(server: Server) -> None:
    with server.connect() as socket:
        socket.receive_json()
        assert server.factory.active == 1
    assert server.factory.active == 0


def test_a_client_that_leaves_in_the_middle_of_a_reply_ends_its_conversation(server: Server) -> None:
    with server.connect() as socket:
        socket.send_json({"type": "response.create"})
        read_until(socket, "response.created")
    assert server.factory.active == 0


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "invalid_json"),
        ("", "invalid_json"),
        ("[]", "invalid_json"),
        ("null", "invalid_json"),
        ('{"type": NaN}', "invalid_json"),
        ('{"type": "response.create", "event_id": "\\ud800"}', "invalid_json"),
        ("[" * 50_000, "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        ('{"type": "no.such.event"}', "unknown_event_type"),
        ('{"type": "input_audio_buffer.append", "audio": "' + "A" * LIMIT_BYTES + '"}', "frame_too_large"),
    ],
)
def test_a_bad_frame_is_an_error_and_the_connection_lives_on(server: Server, frame: str | bytes, code: str) -> None:
    with server.connect() as socket:
        socket.receive_json()
        assert error_for(socket, frame)["code"] == code
        assert is_alive(socket)


def test_a_large_frame_within_the_limit_is_taken(server: Server) -> None:
    with server.connect() as socket:
        socket.receive_json()
        socket.send_json({"type": "input_audio_buffer.append", "audio": base64.b64encode(bytes(72_000)).decode()})
        assert is_alive(socket)
        assert server.factory.opened[0].pushed_samples == 36_000


def test_frames_may_be_binary(server: Server) -> None:
    with server.connect() as socket:
        socket.receive_json()
        socket.send_bytes(json.dumps({"type": "input_audio_buffer.clear"}).encode())
        assert socket.receive_json()["type"] == "input_audio_buffer.cleared"


def test_an_unknown_model_is_refused_by_name(server: Server) -> None:
    with server.connect("?model=gpt-9") as socket:
        error = socket.receive_json()["error"]
        assert (error["code"], "gpt-9" in error["message"]) == ("model_not_found", True)
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 1008
    assert server.factory.opened == []


def test_transcription_sessions_are_refused_before_they_begin(server: Server) -> None:
    with server.connect("?intent=transcription") as socket:
        assert socket.receive_json()["error"]["param"] == "intent"
    assert server.factory.opened == []


def test_no_model_means_the_default(server: Server) -> None:
    with server.connect("") as socket:
        assert socket.receive_json()["session"]["model"] == "gpt-realtime"


def test_a_full_server_says_so_and_closes(server: Server) -> None:
    with server.connect() as first, server.connect() as second:
        first.receive_json(), second.receive_json()
        with server.connect() as third:
            assert third.receive_json()["error"]["code"] == "capacity_exceeded"
            with pytest.raises(WebSocketDisconnect) as closed:
                third.receive_json()
            assert closed.value.code == 1013


def test_the_realtime_subprotocol_is_echoed(server: Server) -> None:
    with server.connect(subprotocols=["realtime", "openai-insecure-api-key.none"]) as socket:
        assert socket.accepted_subprotocol == "realtime"


def test_conversations_do_not_hear_each_other(server: Server) -> None:
    with server.connect() as first, server.connect() as second:
        first.receive_json(), second.receive_json()
        first.send_json({"type": "response.create"})
        read_until(first, "response.done")
        assert is_alive(second)
        assert server.factory.opened[1].named("create_reply") == []


def fail(conversation: FakeConversation, _: tuple[Any, ...]) -> None:
    conversation.emit(ConversationFailed("out of memory", "fatal", fatal=True))


def test_a_fatal_failure_is_told_before_the_connection_closes(server: Server) -> None:
    with server.connect() as socket:
        socket.receive_json()
        server.factory.opened[0].reactions["create_reply"] = fail
        assert error_for(socket, '{"type": "response.create"}')["message"] == "out of memory"
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert (closed.value.code, closed.value.reason) == (1011, "out of memory")
    assert server.factory.active == 0


def test_a_client_that_does_not_read_is_let_go(executor: ThreadPoolExecutor) -> None:
    server = Server(executor, max_waiting_chars=2_000)
    with server.client, server.connect() as socket:
        socket.receive_json()
        socket.send_json({"type": "response.create"})
        with pytest.raises(WebSocketDisconnect) as closed:
            while True:
                socket.receive_json()
        assert closed.value.code == 1008
    assert server.factory.active == 0


class EagerSocket:
    """A client that has sent everything before it reads, and leaves after `answers` items were confirmed."""

    client_state = WebSocketState.CONNECTED

    def __init__(self, frames: list[str], answers: int) -> None:
        self._frames = deque(frames)
        self._answers = answers
        self._answered = asyncio.Event()
        self.confirmed = 0

    async def accept(self, subprotocol: str | None = None) -> None:
        pass

    async def receive(self) -> dict[str, Any]:
        if self._frames:
            return {"type": "websocket.receive", "text": self._frames.popleft()}
        await self._answered.wait()
        self.client_state = WebSocketState.DISCONNECTED
        return {"type": "websocket.disconnect"}

    async def send_text(self, frame: str) -> None:
        await asyncio.sleep(0)
        self.confirmed += json.loads(frame)["type"] == "conversation.item.done"
        if self.confirmed == self._answers:
            self._answered.set()

    async def close(self, code: int, reason: str) -> None:
        self._answered.set()


def test_a_burst_of_events_with_long_answers_is_answered_in_full(executor: ThreadPoolExecutor) -> None:
    server = Server(executor, max_waiting_chars=20_000)
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "word " * 500}]}
    socket = EagerSocket([json.dumps({"type": "conversation.item.create", "item": item})] * 30, answers=30)
    handshake = Handshake("gpt-realtime", None, {}, extensions=True)

    asyncio.run(serve_connection(cast(WebSocket, socket), handshake, server.services, never))

    assert socket.confirmed == 30


def test_a_complaint_about_a_long_name_is_short(server: Server) -> None:
    with server.connect() as socket:
        socket.receive_json()
        event = {"type": "conversation.item.retrieve", "item_id": "x" * 90_000}
        assert len(error_for(socket, json.dumps(event))["message"]) <= 1000
        assert is_alive(socket)


def test_only_audio_may_be_very_large(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicechat.transports.realtime.connection.MAX_TEXT_FRAME_CHARS", 70_000)
    with server.connect() as socket:
        socket.receive_json()
        session = {"type": "realtime", "tools": [{"type": "function", "name": "f", "description": "d" * 80_000}]}
        update = json.dumps({"type": "session.update", "session": session})
        assert error_for(socket, update)["code"] == "frame_too_large"
        socket.send_json({"type": "input_audio_buffer.append", "audio": base64.b64encode(bytes(72_000)).decode()})
        assert is_alive(socket)


def test_ours_can_be_declined(server: Server) -> None:
    with server.connect("?model=gpt-realtime&voicechat=off") as socket:
        socket.send_json({"type": "response.create"})
        assert not [event for event in read_until(socket, "response.done") if event["type"].startswith("voicechat.")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-10_000, 10_000) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["event_id", "audio", "item", "item_id", "session", "response", "audio_end_ms", "content_index", "previous_item_id"]
)
EVENTS = st.builds(
    lambda kind, fields: {**fields, "type": kind},
    st.sampled_from(sorted(HANDLERS)),
    st.dictionaries(FIELDS, JSON, max_size=5),
)
MESSAGES = st.lists(EVENTS | JSON, max_size=12)


@given(events=MESSAGES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_sequence_of_events_ends_a_connection(server: Server, events: list[Any]) -> None:
    with server.connect() as socket:
        for event in events:
            socket.send_text(json.dumps(event))
        assert is_alive(socket)


@given(frame=st.text(max_size=200) | st.binary(max_size=200))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_frame_ends_a_connection(server: Server, frame: str | bytes) -> None:
    with server.connect() as socket:
        socket.send_bytes(frame) if isinstance(frame, bytes) else socket.send_text(frame)
        assert is_alive(socket)
