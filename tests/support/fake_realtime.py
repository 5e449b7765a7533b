"""A Realtime server with a script instead of a mind: it hears noise, says a tone, and does what a test tells it.

It serves the exported page under a policy stricter than the product's, and speaks the protocol the page speaks.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from voicechat.api.page import PAGE_DIRECTORY, PageFiles

RATE_HZ = 24_000
FRAME_MS = 20
LEAD_S = 0.2
TURN_FRAMES = 25
"""Microphone frames that make the scripted question."""
QUESTION = "What time is it in Berlin?"
ANSWER = "It is a quarter past nine in Berlin, and the sun has been up for a while."
REPLY_S = 3.0
STAGES_MS = {"endpoint": 412.0, "asr": 96.0, "llm": 141.0, "tts": 58.0, "total": 707.0}
STARTS_MS = {"endpoint": 0.0, "asr": 0.0, "llm": 420.0, "tts": 600.0, "total": 0.0}

Event = dict[str, Any]


def tone(seconds: float, frequency_hz: float = 440.0) -> bytes:
    """A tone at half of full scale, PCM16 at 24 kHz."""
    phase = 2 * np.pi * frequency_hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (16_000 * np.sin(phase)).astype("<i2").tobytes()


@dataclass(slots=True)
class Client:
    """One connected page."""

    socket: WebSocket
    name: int
    received: list[Event] = field(default_factory=list)
    frames: int = 0
    reply: asyncio.Task[None] | None = None
    item_id: str = ""
    spoken: str = ""

    async def send(self, kind: str, **fields: Any) -> None:
        """Send one event."""
        with suppress(WebSocketDisconnect, RuntimeError):
            await self.socket.send_text(
                json.dumps({"type": kind, "event_id": f"event_{time.monotonic_ns()}", **fields})
            )

    def of(self, kind: str) -> list[Event]:
        """What it has sent of this kind."""
        return [event for event in self.received if event["type"] == kind]


class FakeRealtime:
    """The script. Its public methods may be called from any thread while it serves."""

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self.refuse_sessions = False
        self.answers_turns = True
        self.credential_status = 200
        self.key: str | None = None
        self.reply_s = REPLY_S
        self.port = 0
        self.resumed: list[str] = []
        self.loading: list[float] = []
        self.voices = [("piper-en-us-joe-medium", "en-US"), ("piper-de-de-thorsten-medium", "de-DE")]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ids = count(1)

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def client(self) -> Client:
        """The page that connected last."""
        return self.clients[-1]

    def app(self) -> Starlette:
        """The server's routes."""
        return Starlette(
            routes=[
                Route("/v1/realtime/client_secrets", self._credential, methods=["POST"]),
                Route("/api/door", self._door),
                Route("/v1/voices", self._voices),
                WebSocketRoute("/v1/realtime", self._serve),
                Mount("/", StrictPolicy(PageFiles(PAGE_DIRECTORY))),
            ],
            lifespan=self._lifespan,
        )

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run one act of the script on the server's loop, and wait for its end."""
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=10)

    def interrupt(self) -> None:
        """The person talks over the reply and takes the turn: four words of it were heard."""
        self.run(self._interrupt(self.client))

    def cough(self) -> None:
        """The person makes a sound over the reply that becomes no turn."""
        self.run(self._cough(self.client))

    def vanish(self) -> None:
        """The connection breaks."""
        self.run(self.client.socket.close(1012))

    def send(self, kind: str, **fields: Any) -> None:
        """Send one event to the page."""
        self.run(self.client.send(kind, **fields))

    async def _door(self, _: Request) -> Response:
        """Each look takes one step off what still loads."""
        door = {"status": "serving", "progress": 1.0, "rooms": False, "key_required": False, "full": False}
        if self.loading:
            door |= {"status": "loading", "progress": self.loading.pop(0)}
        return JSONResponse(door)

    async def _voices(self, _: Request) -> Response:
        voices = [{"id": name, "languages": [language], "installed": True} for name, language in self.voices]
        return JSONResponse({"object": "list", "data": voices, "aliases": {}})

    async def _credential(self, request: Request) -> Response:
        assert (await request.json()) == {"session": {"type": "realtime"}}
        shown = request.headers.get("authorization")
        status = 401 if self.key is not None and shown != f"Bearer {self.key}" else self.credential_status
        if status != 200:
            return JSONResponse({"error": {"message": "refused"}}, status)
        return JSONResponse({"value": "ek_fake", "expires_at": int(time.time()) + 60})

    async def _serve(self, socket: WebSocket) -> None:
        offered = socket.scope["subprotocols"]
        assert offered[:2] == ["realtime", "openai-insecure-api-key.ek_fake"], offered
        self.resumed += [each.removeprefix("voicechat-resume.") for each in offered[2:]]
        await socket.accept(subprotocol="realtime")
        client = Client(socket, next(self._ids))
        if self.refuse_sessions:
            await client.send("error", error={"type": "server_error", "code": "server_full", "message": "32 of 32"})
            await socket.close(1013)
            return
        self.clients.append(client)
        await client.send("session.created", session={"type": "realtime"})
        try:
            while True:
                await self._obey(client, json.loads(await socket.receive_text()))
        except (WebSocketDisconnect, RuntimeError):
            if client.reply is not None:
                client.reply.cancel()

    async def _obey(self, client: Client, event: Event) -> None:
        client.received.append(event)
        match event["type"]:
            case "session.update":
                await client.send("session.updated", session=event["session"])
                await client.send("voicechat.state", state="listening")
            case "input_audio_buffer.append":
                client.frames += 1
                if client.frames == TURN_FRAMES and self.answers_turns:
                    await self._hear(client)
            case "conversation.item.create":
                await self._add(client, {**event["item"], "id": self._id("item")})
            case "response.create":
                self._reply(client)
            case "voicechat.session.leave":
                await client.socket.close(1012)
            case "response.cancel":
                await self._cut(client, heard=" ".join(client.spoken.split()[:2]))

    async def _hear(self, client: Client) -> None:
        item_id = self._id("item")
        await client.send("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=0)
        for word in QUESTION.split():
            delta = {"item_id": item_id, "content_index": 0, "delta": f" {word}" if word != "What" else word}
            await client.send("conversation.item.input_audio_transcription.delta", **delta)
            await asyncio.sleep(0.03)
        await client.send("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=500)
        await client.send("input_audio_buffer.committed", item_id=item_id, previous_item_id=None)
        content = [{"type": "input_audio", "transcript": None}]
        await self._add(client, {"id": item_id, "type": "message", "role": "user", "content": content})
        completed = "conversation.item.input_audio_transcription.completed"
        await client.send(completed, item_id=item_id, content_index=0, transcript=QUESTION)
        self._reply(client)

    async def _add(self, client: Client, item: Event) -> None:
        await client.send("conversation.item.added", item=item, previous_item_id=None)
        await client.send("conversation.item.done", item=item, previous_item_id=None)

    def _reply(self, client: Client) -> None:
        client.item_id, client.spoken = self._id("item"), ""
        client.reply = asyncio.get_running_loop().create_task(self._speak(client, client.item_id))

    async def _speak(self, client: Client, item_id: str) -> None:
        place = {"response_id": f"resp_{item_id}", "item_id": item_id, "output_index": 0, "content_index": 0}
        await client.send("voicechat.state", state="thinking")
        await asyncio.sleep(0.05)
        await client.send("response.created", response={"id": place["response_id"], "status": "in_progress"})
        item = {"id": item_id, "type": "message", "role": "assistant", "content": []}
        await client.send("response.output_item.added", response_id=place["response_id"], output_index=0, item=item)
        await client.send("conversation.item.added", item=item, previous_item_id=None)
        await client.send("voicechat.state", state="speaking")
        await client.send("voicechat.turn", response_id=place["response_id"], stages_ms=STAGES_MS, starts_ms=STARTS_MS)
        await self._play(client, place)
        await client.send("response.output_audio.done", **place)
        await client.send("response.output_audio_transcript.done", transcript=ANSWER, **place)
        await self._done(client, item_id, "completed", ANSWER)

    async def _play(self, client: Client, place: dict[str, Any]) -> None:
        """Words and 20 ms frames of the tone, paced with a lead."""
        pcm, size = tone(self.reply_s), RATE_HZ * FRAME_MS // 1000 * 2
        words = iter(ANSWER.split(" "))
        frames = [pcm[at : at + size] for at in range(0, len(pcm), size)]
        per_word = max(1, len(frames) // len(ANSWER.split()))
        begin = asyncio.get_running_loop().time()
        for number, frame in enumerate(frames):
            if number % per_word == 0 and (word := next(words, None)) is not None:
                delta = f" {word}" if client.spoken else word
                client.spoken += delta
                await client.send("response.output_audio_transcript.delta", delta=delta, **place)
            await client.send("response.output_audio.delta", delta=base64.b64encode(frame).decode(), **place)
            due = begin + number * FRAME_MS / 1000 - LEAD_S
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))

    async def _interrupt(self, client: Client) -> None:
        await client.send("input_audio_buffer.speech_started", item_id=self._id("item"), audio_start_ms=0)
        await client.send("voicechat.state", state="interrupted")
        await self._cut(client, heard=" ".join(client.spoken.split()[:4]))

    async def _cut(self, client: Client, heard: str) -> None:
        if client.reply is None or client.reply.done():
            await client.send("error", error={"type": "invalid_request_error", "code": "none", "message": "no reply"})
            return
        client.reply.cancel()
        await client.send("voicechat.cleared", item_id=client.item_id)
        straggler = base64.b64encode(tone(0.2)).decode()
        response = {"response_id": f"resp_{client.item_id}", "item_id": client.item_id}
        await client.send("response.output_audio.delta", delta=straggler, **response)
        await client.send("conversation.item.truncated", item_id=client.item_id, content_index=0, audio_end_ms=400)
        await self._done(client, client.item_id, "cancelled", heard)

    async def _cough(self, client: Client) -> None:
        item_id = self._id("item")
        await client.send("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=0)
        await client.send("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=100)
        await client.send("voicechat.discarded", item_id=item_id)

    async def _done(self, client: Client, item_id: str, status: str, words: str) -> None:
        content = [{"type": "output_audio", "transcript": words}]
        item = {"id": item_id, "type": "message", "role": "assistant", "content": content}
        response = {"id": f"resp_{item_id}", "status": status, "output": [item]}
        await client.send("response.done", response=response)
        await client.send("voicechat.state", state="listening")

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._ids)}"

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self._loop = asyncio.get_running_loop()
        yield


class StrictPolicy:
    """The page with nothing but its own files: no blobs, no inline styles."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        hashes = json.loads((PAGE_DIRECTORY / "csp-hashes.json").read_text())["script"]
        scripts = " ".join(["'self'", *(f"'{digest}'" for digest in hashes)])
        self._policy = f"default-src 'self'; script-src {scripts}; connect-src 'self'".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Replace the policy of every answer."""

        async def strict(message: Message) -> None:
            if message["type"] == "http.response.start":
                name = b"content-security-policy"
                others = [(key, value) for key, value in message["headers"] if key.lower() != name]
                message = {**message, "headers": [*others, (name, self._policy)]}
            await send(message)

        await self._app(scope, receive, strict)


@contextmanager
def serve_fake() -> Iterator[FakeRealtime]:
    """A fake on a free loopback port, in a thread of its own."""
    fake = FakeRealtime()
    listener = socket.create_server(("127.0.0.1", 0))
    fake.port = listener.getsockname()[1]
    config = uvicorn.Config(fake.app(), log_level="warning", ws="websockets-sansio", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield fake
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
