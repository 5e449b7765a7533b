"""The stock `openai` client against a real server, over conversations that follow a script."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import websockets
from openai import AsyncOpenAI, AuthenticationError
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from voicechat.access.access import Access
from voicechat.access.build import open_access
from voicechat.access.fake import FakeKeys, fake_access
from voicechat.access.file_store import FileKeys
from voicechat.access.keys import Scope, make_key
from voicechat.api.app import create_app
from voicechat.api.lifecycle import Lifecycle
from voicechat.api.loading import DeferredEars
from voicechat.api.servers import bind, make_server, port_of, running
from voicechat.api.services import Services
from voicechat.conversation.fake_conversation import FakeConversation, FakeFactory
from voicechat.conversation.port import (
    ReplyAudio,
    ReplyCleared,
    ReplyFinished,
    ReplyStarted,
    ReplyStatus,
    ReplyText,
    ReplyToolCall,
    SpeechBegan,
    SpeechEnded,
    TurnCommitted,
    UserTranscript,
)
from voicechat.fleet.fake import FakeFleet
from voicechat.settings import Settings

SECOND = np.full(24_000, 500, np.int16)
FRAMES_A_REPLY = 10


def begin_reply(conversation: FakeConversation, _: tuple[Any, ...]) -> None:
    tools = conversation.config.tools
    answered = any(item.role == "tool" for item in conversation.items)
    conversation.emit(ReplyStarted("r1", "a1", None))
    if tools and not answered:
        conversation.emit(ReplyToolCall("r1", "f1", "call_1", tools[0].name, '{"zone":"utc"}'))
        conversation.emit(ReplyFinished("r1", "a1", ReplyStatus.COMPLETED, "stop", "", 0))
        return
    conversation.emit(ReplyText("r1", "Hello there."))
    for number in range(FRAMES_A_REPLY):
        conversation.emit(ReplyAudio("r1", "a1", SECOND[:480], number * 20.0))
    if "long" not in conversation.config.instructions:
        conversation.emit(ReplyFinished("r1", "a1", ReplyStatus.COMPLETED, "stop", "Hello there.", 200, 5, 3))


def cut_reply(conversation: FakeConversation, _: tuple[Any, ...]) -> None:
    conversation.emit(
        ReplyCleared("r1", "a1"),
        ReplyFinished("r1", "a1", ReplyStatus.CANCELLED, "client_cancelled", "Hello", 100),
    )


def hear(conversation: FakeConversation, _: tuple[Any, ...]) -> None:
    """Take each whole second as a turn."""
    if conversation.pushed_samples % 24_000 == 0:
        conversation.emit(
            SpeechBegan("u1", 0), SpeechEnded("u1", 900), TurnCommitted("u1", None), UserTranscript("u1", "Hi.", True)
        )
        begin_reply(conversation, ())


def prepare(conversation: FakeConversation) -> None:
    conversation.reactions |= {"create_reply": begin_reply, "cancel_reply": cut_reply, "push_audio": hear}


class Server:
    def __init__(self, port: int, factory: FakeFactory, key: str) -> None:
        self.port = port
        self.factory = factory
        self.url = f"http://127.0.0.1:{port}"
        self.client = AsyncOpenAI(base_url=f"{self.url}/v1", api_key=key)

    def connect(self, client: AsyncOpenAI | None = None) -> Any:
        return (client or self.client).realtime.connect(model="gpt-realtime")

    async def until_free(self) -> None:
        async with asyncio.timeout(10):
            while self.factory.active:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(access: Access | None = None, key: str = "none", **server: Any) -> AsyncIterator[Server]:
    settings = Settings.model_validate({"server": {"shutdown_grace_s": 1, **server}})
    factory = FakeFactory(prepare=prepare)
    with ThreadPoolExecutor(1) as executor:
        services = Services(
            settings=settings,
            fleet=FakeFleet(),
            conversations=factory,
            access=access or (await fake_access(FakeKeys(), keys_required=False, clock=time.time))[0],
            lifecycle=Lifecycle(),
            ears=DeferredEars(),
            executor=executor,
            decoders=executor,
            started_at=time.monotonic(),
        )
        listener = bind("127.0.0.1", 0, "server.port")
        server_ = make_server(create_app(services), settings.server)
        async with running(server_, listener):
            made = Server(port_of(listener), factory, key)
            async with made.client:
                yield made


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as made:
        yield made


async def until(connection: AsyncRealtimeConnection, kind: str) -> list[Any]:
    events: list[Any] = []
    async with asyncio.timeout(10):
        async for event in connection:
            events.append(event)
            if event.type == kind:
                break
    return events


def audio_of(events: list[Any]) -> bytes:
    return b"".join(base64.b64decode(event.delta) for event in events if event.type == "response.output_audio.delta")


async def test_speech_goes_in_and_speech_comes_out(server: Server) -> None:
    async with server.connect() as connection:
        await connection.input_audio_buffer.append(audio=base64.b64encode(SECOND.tobytes()).decode())
        events = await until(connection, "response.done")
    words = [each for each in events if each.type == "conversation.item.input_audio_transcription.completed"]
    assert words[0].transcript == "Hi."
    assert audio_of(events) == SECOND[: 480 * FRAMES_A_REPLY].tobytes()
    assert events[-1].response.status == "completed"
    assert events[-1].response.usage.total_tokens == 8


async def test_typed_words_are_answered(server: Server) -> None:
    async with server.connect() as connection:
        content: Any = [{"type": "input_text", "text": "Hello"}]
        await connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        await connection.response.create()
        events = await until(connection, "response.done")
    assert server.factory.opened[0].named("add_text") == [("user", "Hello", None)]
    assert events[-1].response.output[0].content[0].transcript == "Hello there."


async def test_a_reply_can_be_interrupted(server: Server) -> None:
    async with server.connect() as connection:
        await connection.session.update(session={"type": "realtime", "instructions": "Talk long."})
        await connection.response.create()
        await until(connection, "response.output_audio.delta")
        await connection.response.cancel()
        done = (await until(connection, "response.done"))[-1]
    assert (done.response.status, done.response.status_details.reason) == ("cancelled", "client_cancelled")


async def test_a_tool_is_called_and_answered(server: Server) -> None:
    tool: Any = {"type": "function", "name": "clock", "description": "the time", "parameters": {"type": "object"}}
    async with server.connect() as connection:
        await connection.session.update(session={"type": "realtime", "tools": [tool]})
        await connection.response.create()
        call = (await until(connection, "response.done"))[-1].response.output[0]
        assert (call.type, call.name, call.arguments) == ("function_call", "clock", '{"zone":"utc"}')
        output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "noon"}
        await connection.conversation.item.create(item=output)
        await connection.response.create()
        assert audio_of(await until(connection, "response.done"))


async def test_a_client_secret_serves_as_a_key(server: Server) -> None:
    secret = await server.client.realtime.client_secrets.create(session={"type": "realtime", "instructions": "Hm."})
    browser = AsyncOpenAI(base_url=f"{server.url}/v1", api_key=secret.value)
    async with browser, server.connect(browser) as connection:
        created = (await until(connection, "session.created"))[0]
    assert created.session.instructions == "Hm."


async def test_with_a_key_everything_works_until_it_is_revoked(tmp_path: Path) -> None:
    store = FileKeys(tmp_path / "keys.json")
    key, token = make_key("bot", [Scope.SPEAK, Scope.CONVERSE], time.time())
    await store.add(key)
    settings = Settings.model_validate({"environment": "production", "access": {"keys_file": tmp_path / "keys.json"}})
    async with open_access(settings) as access, serving(access, token) as server:
        async with server.connect() as connection:
            await until(connection, "session.created")
            await store.revoke("bot", time.time())
            last = (await until(connection, "error"))[-1]
            assert last.error.code == "revoked_api_key"
        with pytest.raises(AuthenticationError, match="revoked"):
            await server.client.realtime.client_secrets.create()
        async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="sk-other") as stranger:
            with pytest.raises(AuthenticationError, match="no API key of this server"):
                await stranger.models.list()


async def test_our_events_do_not_disturb_a_stock_client(server: Server) -> None:
    async with server.connect() as connection:
        await connection.response.create()
        await until(connection, "response.output_audio.delta")
        await connection.response.cancel()
        assert "voicechat.cleared" in [event.type for event in await until(connection, "output_audio_buffer.cleared")]


async def test_a_frame_beyond_all_bounds_ends_its_connection_only() -> None:
    async with serving(max_frame_bytes=65_536) as server:
        address = f"ws://127.0.0.1:{server.port}/v1/realtime"
        async with server.connect() as other, websockets.connect(address) as connection:
            await connection.recv()
            await connection.send("x" * 65_537)
            assert "frame_too_large" in str(await connection.recv())
            with pytest.raises(websockets.ConnectionClosedError) as closed:
                await connection.send("x" * 200_000)
                await connection.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
            await other.response.create()
            assert (await until(other, "response.done"))[-1].response.status == "completed"


async def test_a_client_that_vanishes_leaves_nothing(server: Server) -> None:
    async with websockets.connect(f"ws://127.0.0.1:{server.port}/v1/realtime") as connection:
        await connection.recv()
        connection.transport.abort()
        await server.until_free()


async def test_a_client_that_stops_reading_is_let_go_and_others_go_on(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    writer.write(
        b"GET /v1/realtime HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await reader.readline()
    async with asyncio.timeout(30):
        while not server.factory.opened:
            await asyncio.sleep(0.01)
        stuck = server.factory.opened[0]
        while not stuck.closed:
            begin_reply(stuck, ())
            stuck.emit(*(ReplyAudio("r1", "a1", SECOND, 0.0) for _ in range(20)))
            await asyncio.sleep(0.01)
    async with server.connect() as connection:
        await connection.response.create()
        assert (await until(connection, "response.done"))[-1].response.status == "completed"
    writer.transport.abort()


async def test_synthesis_streams_over_a_real_socket(server: Server) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{server.url}/synthesize", json={"text": "Hello there."})
    assert (answer.status_code, answer.content[:4]) == (200, b"RIFF")


async def test_a_listener_that_leaves_frees_the_voice(server: Server) -> None:
    async with (
        httpx.AsyncClient() as client,
        client.stream("POST", f"{server.url}/synthesize", json={"text": "word " * 3000}) as answer,
    ):
        await anext(answer.aiter_bytes(100))
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{server.url}/v1/voices")).status_code == 200
