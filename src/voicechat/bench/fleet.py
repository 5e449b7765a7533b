"""`voicechat bench fleet`: what more worker processes give, and what choosing among many costs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from time import perf_counter, process_time_ns
from typing import Any

from prometheus_client import CollectorRegistry

from voicechat.audio.pcm import samples_to_ms
from voicechat.bench.report import Bar, Measuring, progress, show_table
from voicechat.bench.statistics import summary_json
from voicechat.bench.systems.port import BenchError
from voicechat.bench.texts import CLAUSES
from voicechat.client.errors import one_error
from voicechat.fleet.affinity import Affinity
from voicechat.fleet.channels import WorkerLink
from voicechat.fleet.client import WorkerFleet
from voicechat.fleet.failover import FleetSpeechStream
from voicechat.fleet.member import Member
from voicechat.fleet.metrics import FleetMetrics
from voicechat.fleet.placing import Placing
from voicechat.fleet.port import AudioChunk, Pace, SpeechRequest
from voicechat.fleet.record import RESUME, ModelRecord, WorkerRecord
from voicechat.fleet.registry import MemoryRegistry
from voicechat.fleet.router import Wish
from voicechat.launch import guard
from voicechat.launch.environment import child_environment
from voicechat.launch.ports import LOOPBACK, free_port
from voicechat.launch.services import VOICE_SECTIONS
from voicechat.models.store import ModelStore
from voicechat.settings import Settings

KNOWN = 100
DECISIONS = 5_000
ROUTING_BAR_US = 200.0
CLIENTS_A_WORKER = 2
READY_S = 60.0
_RATE_HZ = 24_000
_FOREVER_S = 86_400.0


def run_fleet(settings: Settings, workers: int, seconds: float) -> dict[str, Any]:
    """The report for 1 to `workers` processes. Raises `ModelError` or `BenchError`."""
    ModelStore(settings.models.directory).require(settings.tts.default_model)
    measuring = Measuring("fleet", {"workers": workers, "seconds": seconds, "threads_a_worker": 1})
    routing = asyncio.run(routing_cost(settings))
    stages = asyncio.run(_throughput(settings, workers, seconds))
    rows = [(str(s["workers"]), f"{s['speech_per_s']:.1f}", str(s["replies"]), str(s["by_worker"])) for s in stages]
    show_table("Throughput", ("workers", "s of speech per s", "replies", "replies by worker"), rows)
    bar = Bar("routing decision, 100 workers known, CPU, median, us", routing["us"]["p50"], at_most=ROUTING_BAR_US)
    return measuring.report((bar,), routing=routing, stages=stages)


# --- routing


async def routing_cost(settings: Settings) -> dict[str, Any]:
    """CPU time of one decision with `KNOWN` workers, of which every second holds the model in memory and two rest."""
    members = [_known(number) for number in range(KNOWN)]
    links = {member.address: WorkerLink(member.address, settings.grpc) for member in members}
    for member in (members[3], members[50]):
        links[member.address].breaker.failed()
    placing = Placing(
        settings.tts,
        lambda: members,
        lambda member: links[member.address],
        Affinity(None),
        FleetMetrics(CollectorRegistry()),
    )
    wish = Wish("voice-1", "en", frozenset({RESUME}))
    took_us = []
    for _ in range(DECISIONS):
        began = process_time_ns()
        placing.pick(wish, ())
        took_us.append((process_time_ns() - began) / 1000)
    await asyncio.gather(*(link.aclose() for link in links.values()))
    return {"known": KNOWN, "decisions": DECISIONS, "us": summary_json(took_us)}


def _known(number: int) -> Member:
    models = tuple(
        ModelRecord(id=f"voice-{each}", languages=("en-US",), resident=(number + each) % 2 == 0) for each in range(8)
    )
    return Member(
        WorkerRecord(
            name=f"worker-{number}",
            address=f"10.0.0.{number}:7001",
            models=models,
            capacity=8,
            active=number % 8,
            capabilities=frozenset({RESUME}),
        )
    )


# --- throughput


async def _throughput(settings: Settings, workers: int, seconds: float) -> list[dict[str, Any]]:
    with one_error():
        async with AsyncExitStack() as stack:
            addresses: list[str] = []
            stages = []
            for count in range(1, workers + 1):
                addresses.append(await stack.enter_async_context(_worker(settings)))
                stages.append(await _stage(settings, addresses, seconds))
                progress(f"{count} workers: {stages[-1]['speech_per_s']:.1f} s of speech per s")
            return stages


async def _stage(settings: Settings, addresses: Sequence[str], seconds: float) -> dict[str, Any]:
    """Clients ask for files, back to back, from the workers at `addresses`."""
    registry = MemoryRegistry(asyncio.get_running_loop().time)
    for number, address in enumerate(addresses):
        model = ModelRecord(id=settings.tts.default_model, resident=True)
        record = WorkerRecord(
            name=f"worker-{number + 1}",
            address=address,
            models=(model,),
            capacity=CLIENTS_A_WORKER,
            capabilities=frozenset({RESUME}),
        )
        await registry.announce(record, _FOREVER_S)
    fleet = WorkerFleet(settings.tts, registry=registry, heartbeat_s=_FOREVER_S)
    following = asyncio.ensure_future(fleet.follow())
    try:
        await asyncio.sleep(0)
        return await _loaded(fleet, settings.tts.default_model, len(addresses), seconds)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await fleet.aclose()


async def _loaded(fleet: WorkerFleet, model_id: str, workers: int, seconds: float) -> dict[str, Any]:
    tally: dict[str, int] = {}
    began = perf_counter()
    audio_ms = await asyncio.gather(
        *(_client(fleet, model_id, began + seconds, tally) for _ in range(workers * CLIENTS_A_WORKER))
    )
    took_s = perf_counter() - began
    return {
        "workers": workers,
        "clients": workers * CLIENTS_A_WORKER,
        "replies": sum(tally.values()),
        "by_worker": tally,
        "speech_per_s": round(sum(audio_ms) / 1000 / took_s, 2),
    }


async def _client(fleet: WorkerFleet, model_id: str, until: float, tally: dict[str, int]) -> float:
    audio_ms = 0.0
    request = SpeechRequest(model_id=model_id, pace=Pace.BULK, sample_rate_hz=_RATE_HZ, seed=1)
    while perf_counter() < until:
        async with fleet.speak(request) as stream:
            await stream.push_text(CLAUSES.text)
            await stream.end()
            async for event in stream:
                if isinstance(event, AudioChunk):
                    audio_ms += samples_to_ms(event.pcm.size, _RATE_HZ)
            assert isinstance(stream, FleetSpeechStream)
            tally[stream.worker] = tally.get(stream.worker, 0) + 1
    return audio_ms


@asynccontextmanager
async def _worker(settings: Settings) -> AsyncIterator[str]:
    """A worker process of one thread; gives its address."""
    worker = settings.worker.model_copy(
        update={"host": LOOPBACK, "port": free_port(), "metrics_port": free_port(), "threads": 1}
    )
    environment = child_environment(settings.model_copy(update={"worker": worker}), VOICE_SECTIONS, os.environ)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(guard.__file__), str(os.getpid())),
        *(sys.executable, "-m", "voicechat.tts"),
        stdout=PIPE,
        env=environment,
    )
    try:
        yield await _ready(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _ready(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(READY_S):
        line = await process.stdout.readline()
    if not line:
        raise BenchError("a worker ended before it could speak; its log says why")
    return str(json.loads(line)["address"])
