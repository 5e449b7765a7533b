"""What an attack costs the orchestrator, and what others notice of it; prints JSON.

A real process on loopback, keys required, no models. Each attack runs for some seconds while one caller with a key asks
for `/docs` twenty times a second; processor time is the server process's own.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil

from voicechat.bench.machine import machine_spec
from voicechat.launch.ports import free_port

SECONDS = 8.0
CALLER_EVERY_S = 0.05
ATTACKERS = 32
IDLE_CONNECTIONS = 1000
HEAD = "HTTP/1.1\r\nHost: localhost\r\n"
WS = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n"
BODY = "Content-Type: application/json\r\nContent-Length: 14\r\n\r\n" + '{"text": "Hi"}'
CONFIG = """
environment: production
server: {{host: 127.0.0.1, port: {port}, health_check_port: 0}}
access: {{keys_file: {keys}}}
tts: {{worker_address: "127.0.0.1:1"}}
asr: {{enabled: false}}
logging: {{json_lines: true}}
"""


class Tally:
    """Refusals of all attackers."""

    count = 0


async def ask(port: int, request: str, *, keep: bool, tally: Tally) -> None:
    """Send one request after the other, each answered in full."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while True:
            writer.write(request.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            fields = head.lower().split(b"\r\n")
            length = next((int(line[15:]) for line in fields if line.startswith(b"content-length:")), 0)
            await reader.readexactly(length)
            tally.count += 1
            if not keep or b"connection: close" in fields:
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
    finally:
        writer.close()


def asking(request: str, *, keep: bool = True) -> Callable[[int, Tally], list[Awaitable[None]]]:
    """Attackers who ask this over and over."""
    return lambda port, tally: [ask(port, request, keep=keep, tally=tally) for _ in range(ATTACKERS)]


async def hold(port: int, tally: Tally) -> None:
    """Hold a connection without asking, and come again when it is dropped."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await reader.read()
        except OSError:
            pass
        finally:
            writer.close()
        tally.count += 1
        await asyncio.sleep(0.2)


ATTACKS: dict[str, Callable[[int, Tally], list[Awaitable[None]]]] = {
    "none": lambda port, tally: [],
    "no key": asking(f"POST /synthesize {HEAD}{BODY}"),
    "wrong key": asking(f"POST /synthesize {HEAD}Authorization: Bearer vc-{'0' * 12}-{'A' * 43}\r\n{BODY}"),
    "WebSocket without a key": asking(f"GET /v1/realtime {HEAD}{WS}\r\n", keep=False),
    "wrong origin": asking(f"POST /synthesize {HEAD}Origin: https://evil.example\r\n{BODY}"),
    f"{IDLE_CONNECTIONS} idle connections": lambda port, tally: [hold(port, tally) for _ in range(IDLE_CONNECTIONS)],
}


async def calls(port: int, token: str, until_s: float) -> list[float]:
    """How long an honest caller waits for each answer on a new connection, ms."""
    took = []
    request = f"GET /docs {HEAD}Authorization: Bearer {token}\r\nConnection: close\r\n\r\n".encode()
    while time.monotonic() < until_s:
        began = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200"), answer[:100]
        took.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(CALLER_EVERY_S)
    return took


async def measure(name: str, port: int, token: str, server: psutil.Process) -> dict[str, Any]:
    """One attack."""
    tally = Tally()
    attackers = [asyncio.ensure_future(attack) for attack in ATTACKS[name](port, tally)]
    await asyncio.sleep(1.0)
    before, began_s, tally.count = server.cpu_times(), time.monotonic(), 0
    took = await calls(port, token, began_s + SECONDS)
    spent_s, lasted_s = sum(server.cpu_times()[:2]) - sum(before[:2]), time.monotonic() - began_s
    for attacker in attackers:
        attacker.cancel()
    await asyncio.gather(*attackers, return_exceptions=True)
    cuts = quantiles(took, n=20)
    return {
        "attack": name,
        "refused_per_s": round(tally.count / lasted_s),
        "cpu_ms_per_refusal": round(spent_s * 1000 / tally.count, 3) if tally.count else None,
        "server_cpu_percent": round(100 * spent_s / lasted_s),
        "server_rss_mb": round(server.memory_info().rss / 1e6),
        "caller_p50_ms": round(cuts[9], 1),
        "caller_p95_ms": round(cuts[18], 1),
        "caller_answers": len(took),
    }


def start(directory: Path, port: int) -> tuple[subprocess.Popen[bytes], str]:
    """A process that listens, and a key that opens it."""
    config, log = directory / "voicechat.yaml", directory / "log"
    config.write_text(CONFIG.format(port=port, keys=directory / "keys.json"))
    create = [str(Path(sys.executable).with_name("voicechat")), "keys", "create", "caller", "--config", str(config)]
    token = subprocess.run(create, capture_output=True, text=True, check=True).stdout.strip()
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "voicechat.api", str(config)], stdout=out, stderr=out)
    while b"listening" not in log.read_bytes():
        time.sleep(0.1)
    return process, token


async def run(port: int, token: str, server: psutil.Process) -> list[dict[str, Any]]:
    """Every attack in turn on one process."""
    return [await measure(name, port, token, server) for name in ATTACKS]


def main() -> None:
    """Print the report."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    spec, port = machine_spec(), free_port()
    with tempfile.TemporaryDirectory() as directory:
        process, token = start(Path(directory), port)
        try:
            attacks = asyncio.run(run(port, token, psutil.Process(process.pid)))
        finally:
            process.terminate()
            process.wait(30)
    print(json.dumps({"bench": "refusals", "machine": spec, "seconds_each": SECONDS, "attacks": attacks}, indent=1))


if __name__ == "__main__":
    main()
