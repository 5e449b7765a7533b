from __future__ import annotations

import asyncio
import io
import json
import wave
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from voicechat.bench.pinned import on_cores
from voicechat.bench.playout import Playout
from voicechat.bench.systems.http_peer import HttpPeer
from voicechat.bench.systems.peers import PEERS, find_peers
from voicechat.bench.systems.port import BenchError
from voicechat.bench.systems.wyoming_peer import WyomingPeer

RATE_HZ = 22050
PCM = np.arange(1, 1001, dtype="<i2").tobytes()

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(serve: Serve) -> Any:
    done: list[asyncio.Event] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        done.append(asyncio.Event())
        here = done[-1]
        await serve(reader, writer)
        writer.close()
        await writer.wait_closed()
        here.set()

    running = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()
        for each in done:
            await each.wait()


def wyoming_event(kind: str, data: dict[str, Any], payload: bytes = b"") -> bytes:
    behind = json.dumps(data).encode()
    line = json.dumps({"type": kind, "data_length": len(behind), "payload_length": len(payload)}).encode()
    return line + b"\n" + behind + payload


async def speak_wyoming(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        assert json.loads(line) == {"type": "synthesize", "data": {"text": "Hello."}}
        form = {"rate": RATE_HZ, "width": 2, "channels": 1}
        writer.write(wyoming_event("audio-start", form))
        writer.write(wyoming_event("audio-chunk", form, PCM[:1500]))
        writer.write(wyoming_event("audio-chunk", form, PCM[1500:]))
        writer.write(wyoming_event("audio-stop", {}))


async def test_a_wyoming_peer_is_heard_whole_and_asked_again_on_the_same_connection() -> None:
    async with server(speak_wyoming) as port:
        peer = WyomingPeer("wyoming", "127.0.0.1", port, 1, {})
        for _ in range(2):
            playout = Playout()
            await peer.speak("Hello.", playout)
            assert (playout.received_samples, playout.rate_hz) == (1000, RATE_HZ)
        await peer.aclose()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()


async def test_a_peer_that_hangs_up_is_named() -> None:
    async with server(hang_up) as port:
        peer = WyomingPeer("wyoming", "127.0.0.1", port, 1, {})
        with pytest.raises(BenchError, match="wyoming failed"):
            await peer.speak("Hello.", Playout())


async def speak_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    body = io.BytesIO()
    with wave.open(body, "wb") as wav:
        wav.setframerate(RATE_HZ)
        wav.setsampwidth(2)
        wav.setnchannels(1)
        wav.writeframes(PCM)
    data = body.getvalue()
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode())
    for start, end in ((0, 13), (13, 105), (105, len(data))):
        writer.write(data[start:end])
        await writer.drain()
        await asyncio.sleep(0)


async def test_an_http_peer_is_heard_without_its_header() -> None:
    async with server(speak_http) as port:
        peer = HttpPeer("http", f"http://127.0.0.1:{port}", 1, {})
        playout = Playout()
        await peer.speak("Hello.", playout)
        await peer.aclose()
    assert (playout.received_samples, playout.rate_hz) == (1000, RATE_HZ)


def test_all_names_every_peer() -> None:
    assert list(find_peers(["all"])) == list(PEERS)


def test_an_unknown_peer_is_refused_with_those_there_are() -> None:
    with pytest.raises(BenchError, match="no peer is called mimic; there are all, piper-api"):
        find_peers(["piper-api", "mimic"])


def test_a_command_without_cores_is_left_alone() -> None:
    assert on_cores(("/bin/true",), ()) == ("/bin/true",)


def test_a_command_on_cores_begins_with_the_binding() -> None:
    assert on_cores(("/bin/true", "x"), {3, 1})[1:] == ("-m", "voicechat.bench.pinned", "1,3", "/bin/true", "x")
