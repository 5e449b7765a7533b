"""A pipecat pipeline on the same models, called over its WebSocket transport."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from voicechat.audio.pcm import Pcm16, from_bytes
from voicechat.audio.resample import StreamResampler
from voicechat.bench.calls.line import (
    CallWish,
    Line,
    ReplyBegan,
    ReplyOver,
    ReplySound,
    Signal,
    SoundVoid,
    SpeechNoticed,
    TimedSignal,
    Transcribed,
    TurnTaken,
)
from voicechat.bench.place import scratch, voice_file
from voicechat.bench.systems.peers import PeerHouse, answers, peers_python
from voicechat.bench.systems.process import running
from voicechat.client.errors import ClientError
from voicechat.client.playout import RATE_HZ
from voicechat.launch.ports import LOOPBACK, free_port
from voicechat.llm.find import Mind
from voicechat.models.store import ModelStore
from voicechat.settings import Settings

PIPECAT_IN_HZ = 16_000
READY_TIMEOUT_S = 30.0


class PipecatLine:
    """One connection. Whatever comes between two clears is one reply."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._down = StreamResampler(RATE_HZ, PIPECAT_IN_HZ)
        self._reply = 0
        self._turn = 0

    async def send(self, pcm: Pcm16) -> None:
        """20 ms of the caller's sound."""
        try:
            await self._socket.send(self._down.push(pcm).astype("<i2").tobytes())
        except ConnectionClosed as error:
            raise ClientError("pipecat ended the call") from error

    async def signals(self) -> AsyncIterator[TimedSignal]:
        """What the pipeline sends, in the words of callers."""
        now = asyncio.get_running_loop().time
        async for message in self._socket:
            at_s = now()
            if isinstance(message, bytes):
                yield TimedSignal(at_s, ReplySound(self._name, self._name, from_bytes(message)))
                continue
            for signal in self._read(json.loads(message)):
                yield TimedSignal(at_s, signal)

    async def played(self, item_id: str, position_ms: int) -> None:
        """Pipecat does not ask."""

    async def hush(self) -> None:
        """Interrupt the pipeline, as a client's button would."""
        await self._socket.send(json.dumps({"type": "hush"}))

    async def history(self, item_id: str) -> str | None:
        """Pipecat does not tell."""
        return None

    @property
    def _name(self) -> str:
        return f"reply-{self._reply}"

    def _read(self, message: dict[str, Any]) -> list[Signal]:
        match message["type"]:
            case "speech_started":
                return [SpeechNoticed()]
            case "turn_taken":
                self._turn += 1
                return [TurnTaken(f"turn-{self._turn}")]
            case "transcript":
                return [Transcribed(f"turn-{self._turn + 1}", message["text"].strip(), is_final=True)]
            case "reply_began":
                self._reply += 1
                return [ReplyBegan(self._name)]
            case "reply_over":
                return [ReplyOver(self._name, completed=True)]
            case "clear":
                return [SoundVoid(self._name), ReplyOver(self._name, completed=False)]
        return []


class PipecatAssistant:
    """A running pipeline server."""

    name = "pipecat"

    def __init__(self, port: int, settings: dict[str, Any]) -> None:
        self.settings = settings
        self._url = f"ws://{LOOPBACK}:{port}/call"

    @asynccontextmanager
    async def call(self, wish: CallWish) -> AsyncIterator[Line]:
        """Connect, and wait until the pipeline has loaded its models."""
        given = {"instructions": wish.instructions, "max_tokens": wish.max_output_tokens}
        query = urlencode({name: value for name, value in given.items() if value is not None})
        async with connect(f"{self._url}?{query}", proxy=None, max_size=None) as socket:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await socket.recv()
            yield PipecatLine(socket)


@asynccontextmanager
async def pipecat(settings: Settings, mind: Mind) -> AsyncIterator[PipecatAssistant]:
    """Run the server, in the peers' environment, until the context is left. Raises as `peers_python`."""
    house = PeerHouse(peers_python(), voice_file(settings), scratch())
    port = free_port()
    ears = ModelStore(settings.models.directory).require(settings.asr.model)
    command = house.script(
        "pipecat_calls.py",
        *("--port", str(port), "--mind-url", mind.base_url, "--mind", mind.model),
        *("--whisper", str(ears), "--voice", str(house.model)),
        *("--instructions", settings.llm.instructions, "--max-tokens", str(settings.llm.max_output_tokens)),
    )
    environment = {**os.environ, "PEER_API_KEY": mind.api_key, "HF_HUB_OFFLINE": "1"}
    async with running(command, house.log("pipecat"), environment):
        await answers("pipecat", port, house.log("pipecat"))
        yield PipecatAssistant(port, {"services": "whisper, openai, piper, silero, smart-turn v3.2", "see": command[1]})
