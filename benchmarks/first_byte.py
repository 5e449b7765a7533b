"""How soon speech leaves over HTTP, beside how soon the worker has it: prints JSON.

One worker and one orchestrator (recognition off), one request at a time, a new text each time, the ways of asking in
turn. `python benchmarks/first_byte.py [ROUNDS]`
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from voicechat.audio.encode import AudioFormat
from voicechat.bench.machine import machine_spec
from voicechat.fleet.client import WorkerFleet
from voicechat.fleet.port import AudioChunk, Pace, SpeechRequest
from voicechat.launch.ports import free_port
from voicechat.settings import TtsSettings

TEXT = "The {} train of the morning leaves for the city at seven, and the later ones are slower."
NUMBERS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
CONFIG = """
server: {{host: 127.0.0.1, port: {port}, health_check_port: 0, shutdown_grace_s: 1}}
tts: {{worker_address: "{worker}"}}
asr: {{enabled: false}}
"""


@contextmanager
def product() -> Iterator[tuple[str, str]]:
    """A worker's address and an orchestrator's."""
    environment = os.environ | {"VOICECHAT_WORKER__PORT": "0", "VOICECHAT_WORKER__METRICS_PORT": "0"}
    command = [sys.executable, "-m", "voicechat.tts"]
    worker = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert worker.stdout is not None
        address = json.loads(worker.stdout.readline())["address"]
        with orchestrator(address) as url:
            yield address, url
    finally:
        worker.terminate()
        worker.wait()


@contextmanager
def orchestrator(worker: str) -> Iterator[str]:
    """The address of an orchestrator on `worker`."""
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "orchestrator.yaml"
        path.write_text(CONFIG.format(port=port, worker=worker))
        process = subprocess.Popen([sys.executable, "-m", "voicechat.api", str(path)], stderr=subprocess.DEVNULL)
        try:
            wait_for(f"http://127.0.0.1:{port}/v1/voices")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit(f"{url} did not answer")


async def from_worker(fleet: WorkerFleet, text: str) -> float:
    """Time to the first audio of a reply, as the orchestrator asks for it, ms."""
    began = time.perf_counter()
    async with fleet.speak(SpeechRequest(pace=Pace.BULK)) as stream:
        await stream.push_text(text)
        await stream.end()
        first_ms = None
        async for event in stream:
            if first_ms is None and isinstance(event, AudioChunk) and event.pcm.size:
                first_ms = (time.perf_counter() - began) * 1000
    assert first_ms is not None
    return first_ms


async def from_http(client: httpx.AsyncClient, text: str, asked: dict[str, str]) -> float:
    """Time to the first byte of an answer that holds sound, ms."""
    began = time.perf_counter()
    first_ms = None
    async with client.stream("POST", "/v1/audio/speech", json={"input": text, **asked}) as answer:
        answer.raise_for_status()
        async for _ in answer.aiter_raw():
            if first_ms is None:
                first_ms = (time.perf_counter() - began) * 1000
    assert first_ms is not None
    return first_ms


async def measure(worker: str, url: str, rounds: int) -> dict[str, list[float]]:
    """The ways of asking in turn, `rounds` times, after one of each that is not counted."""
    times: dict[str, list[float]] = defaultdict(list)
    fleet = WorkerFleet(TtsSettings(worker_address=worker))
    ways = {name: {"response_format": name} for name in AudioFormat} | {
        "pcm as events": {"response_format": "pcm", "stream_format": "sse"}
    }
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        for round_ in range(-1, rounds):
            text = TEXT.format(NUMBERS[round_ % len(NUMBERS)])
            found = {"the worker, over gRPC": await from_worker(fleet, text)}
            for name, asked in ways.items():
                found[name] = await from_http(client, text, asked)
            for name, first_ms in found.items():
                if round_ >= 0:
                    times[name].append(first_ms)
    await fleet.aclose()
    return times


def summary(times: list[float]) -> dict[str, Any]:
    """Median, 95th percentile and worst, ms."""
    ranked = sorted(times)
    at = {"p50": 0.5, "p95": 0.95, "worst": 1.0}
    return {name: round(ranked[min(len(ranked) - 1, int(share * len(ranked)))], 1) for name, share in at.items()}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with product() as (worker, url):
        times = asyncio.run(measure(worker, url, rounds))
    report = {
        "bench": "first-byte",
        "machine": machine_spec(),
        "text": TEXT,
        "rounds": rounds,
        "first_ms": {name: summary(found) for name, found in times.items()},
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
