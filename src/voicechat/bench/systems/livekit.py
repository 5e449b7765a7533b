"""A LiveKit server on free ports, for as long as something is measured through it."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from voicechat.bench.place import scratch
from voicechat.bench.systems.port import BenchError
from voicechat.bench.systems.process import last_lines, running
from voicechat.launch.ports import LOOPBACK, free_port
from voicechat.settings import Settings

READY_TIMEOUT_S = 15.0
POLL_S = 0.1
KEY = "benchkey"
CACHED = "voicechat-tools/livekit-server-*/server"
"""Where `scripts/livekit-server` puts the one it builds."""


@dataclass(frozen=True, slots=True)
class LiveKit:
    """A running server."""

    url: str
    secret: str

    def used_by(self, settings: Settings) -> Settings:
        """The settings of an orchestrator that serves its rooms."""
        livekit = settings.livekit.model_copy(
            update={"url": self.url, "public_url": None, "api_key": KEY, "api_secret": SecretStr(self.secret)}
        )
        return settings.model_copy(update={"livekit": livekit})


@asynccontextmanager
async def livekit() -> AsyncIterator[LiveKit]:
    """Run a server until the context is left. Raises `BenchError` where there is none, or it does not start."""
    port, secret, log = free_port(), secrets.token_hex(16), scratch() / "livekit.log"
    environment = {**os.environ, "LIVEKIT_KEYS": f"{KEY}: {secret}"}
    config = json.dumps(_config(port))
    async with running((_binary(), "--config-body", config, "--node-ip", LOOPBACK), log, environment):
        await _answers(port, log)
        yield LiveKit(f"ws://{LOOPBACK}:{port}", secret)


def _binary() -> str:
    if found := shutil.which("livekit-server"):
        return found
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    if built := sorted(cache.glob(CACHED)):
        return str(built[-1])
    raise BenchError("there is no livekit-server: install one, or let scripts/livekit-server build it")


def _config(port: int) -> dict[str, Any]:
    """As `configs/livekit.yaml`, on ports that are free. JSON is YAML."""
    return {
        "port": port,
        "bind_addresses": [LOOPBACK],
        "rtc": {
            "port_range_start": 50000,
            "port_range_end": 50099,
            "tcp_port": free_port(),
            "use_external_ip": False,
            "enable_loopback_candidate": True,
            "stun_servers": [f"{LOOPBACK}:7882"],
        },
    }


async def _answers(port: int, log: Path) -> None:
    try:
        async with asyncio.timeout(READY_TIMEOUT_S), httpx.AsyncClient() as client:
            while True:
                try:
                    await client.get(f"http://{LOOPBACK}:{port}/")
                    return
                except httpx.TransportError:
                    await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise BenchError(f"livekit-server did not start; its last words were: {last_lines(log)}") from error
