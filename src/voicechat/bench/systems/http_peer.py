"""piper-tts's HTTP server: POST /synthesize answers with a WAV file."""

from __future__ import annotations

import asyncio
import io
import wave
from typing import Any

import httpx

from voicechat.audio.pcm import from_bytes
from voicechat.bench.playout import Playout
from voicechat.bench.systems.port import BenchError

REPLY_TIMEOUT_S = 60.0
_HEADER_BYTES = 44


class HttpPeer:
    """Asks over connections that stay open; each reply has one of its own."""

    def __init__(self, name: str, url: str, pid: int, settings: dict[str, Any]) -> None:
        self._name = name
        self._url = url
        self._pid = pid
        self._settings = settings
        self._client = httpx.AsyncClient(timeout=REPLY_TIMEOUT_S, trust_env=False)

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
        """Hand the body to the listener as it comes, without its header."""
        clock = asyncio.get_running_loop().time
        try:
            async with self._client.stream("POST", f"{self._url}/synthesize", json={"text": text}) as response:
                response.raise_for_status()
                await _read_wav(response, playout)
        except httpx.HTTPError as error:
            raise BenchError(f"{self._name} failed: {error!r}") from error
        playout.end(clock())

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


async def _read_wav(response: httpx.Response, playout: Playout) -> None:
    clock = asyncio.get_running_loop().time
    pending = b""
    rate_hz = 0
    async for data in response.aiter_raw():
        pending += data
        if not rate_hz:
            if len(pending) < _HEADER_BYTES:
                continue
            rate_hz = _rate(pending[:_HEADER_BYTES])
            pending = pending[_HEADER_BYTES:]
        whole = len(pending) // 2 * 2
        playout.arrive(clock(), from_bytes(pending[:whole]), rate_hz)
        pending = pending[whole:]


def _rate(header: bytes) -> int:
    with wave.open(io.BytesIO(header)) as wav:
        rate_hz: int = wav.getframerate()
        return rate_hz
