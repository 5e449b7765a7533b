"""A Wyoming server: events of one JSON line, with data and payload of the lengths that the line names behind it."""

from __future__ import annotations

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from typing import Any

from voicechat.audio.pcm import from_bytes
from voicechat.bench.playout import Playout
from voicechat.bench.systems.port import BenchError

REPLY_TIMEOUT_S = 60.0


class WyomingPeer:
    """Asks over connections that stay open and are used again; each reply has one of its own."""

    def __init__(self, name: str, host: str, port: int, pid: int, settings: dict[str, Any]) -> None:
        self._name = name
        self._host = host
        self._port = port
        self._pid = pid
        self._settings = settings
        self._idle: list[tuple[StreamReader, StreamWriter]] = []

    @property
    def name(self) -> str:
        """As in reports."""
        return self._name

    @property
    def pid(self) -> int:
        """Of the server."""
        return self._pid

    @property
    def settings(self) -> dict[str, Any]:
        """Of the server."""
        return self._settings

    async def speak(self, text: str, playout: Playout) -> None:
        """One `synthesize` event; the server cuts the text into sentences itself."""
        reader, writer = self._idle.pop() if self._idle else await self._connect()
        try:
            async with asyncio.timeout(REPLY_TIMEOUT_S):
                writer.write(_event("synthesize", {"text": text}))
                await _listen(reader, playout)
        except (OSError, EOFError, TimeoutError) as error:
            writer.close()
            raise BenchError(f"{self._name} failed: {error!r}") from error
        except asyncio.CancelledError:
            writer.close()
            raise
        self._idle.append((reader, writer))

    async def aclose(self) -> None:
        """Close the connections."""
        for _, writer in self._idle:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _connect(self) -> tuple[StreamReader, StreamWriter]:
        return await asyncio.open_connection(self._host, self._port)


def _event(kind: str, data: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "data": data}).encode() + b"\n"


async def _listen(reader: StreamReader, playout: Playout) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        line = await reader.readline()
        if not line:
            raise EOFError("the server closed the connection")
        header = json.loads(line)
        data = header.get("data") or {}
        if length := header.get("data_length"):
            data = data | json.loads(await reader.readexactly(length))
        payload = await reader.readexactly(header.get("payload_length") or 0)
        match header["type"]:
            case "audio-chunk":
                playout.arrive(clock(), from_bytes(payload), data["rate"])
            case "audio-stop":
                playout.end(clock())
                return
            case "error":
                raise EOFError(str(data.get("text")))
