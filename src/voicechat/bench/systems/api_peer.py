"""A peer's Python API, driven in its own environment by a script that speaks JSON lines.

The script prints `{"ready": true, "settings": {...}}`, and for each line `{"text": ...}` on its standard input one line
`{"rate_hz": ..., "pieces": [[seconds since the line was read, base64 of s16le mono], ...]}`. Times are taken inside the
peer's process, where its caller would have the audio: it pays for no wire.
"""

from __future__ import annotations

import asyncio
import base64
import json
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from voicechat.audio.pcm import from_bytes
from voicechat.bench.pinned import on_cores
from voicechat.bench.playout import Playout
from voicechat.bench.systems.port import BenchError
from voicechat.bench.systems.process import read_json, running

START_TIMEOUT_S = 900.0
"""Some measure the voice and the machine before they speak."""

REPLY_TIMEOUT_S = 60.0


class ApiPeer:
    """A script that answers line by line, one reply at a time."""

    def __init__(self, name: str, process: Process, log: Path, settings: dict[str, Any]) -> None:
        self._name = name
        self._process = process
        self._log = log
        self._settings = settings
        self._turn = asyncio.Lock()

    @property
    def name(self) -> str:
        """As in reports."""
        return self._name

    @property
    def pid(self) -> int:
        """Of the script."""
        return self._process.pid

    @property
    def settings(self) -> dict[str, Any]:
        """As the script tells them."""
        return self._settings

    async def speak(self, text: str, playout: Playout) -> None:
        """Speak `text`; what arrived when is told to `playout` once the reply is complete."""
        assert self._process.stdin is not None
        async with self._turn:
            began_s = asyncio.get_running_loop().time()
            self._process.stdin.write(json.dumps({"text": text}).encode() + b"\n")
            await self._process.stdin.drain()
            answer = await read_json(self._process, self._log, REPLY_TIMEOUT_S)
        at_s = began_s
        for after_s, encoded in answer["pieces"]:
            at_s = began_s + after_s
            playout.arrive(at_s, from_bytes(base64.b64decode(encoded)), answer["rate_hz"])
        playout.end(at_s)


@asynccontextmanager
async def api_peer(name: str, command: tuple[str, ...], log: Path, cores: Collection[int]) -> AsyncIterator[ApiPeer]:
    """Run the script `command` until the context is left. Raises `BenchError` when it does not come up."""
    async with running(on_cores(command, cores), log) as process:
        ready = await read_json(process, log, START_TIMEOUT_S)
        if not ready.get("ready"):
            raise BenchError(f"{name} does not start: {ready}")
        yield ApiPeer(name, process, log, ready["settings"])
