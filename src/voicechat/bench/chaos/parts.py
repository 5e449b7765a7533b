"""The processes of an installation that is mistreated: each can be killed, stopped, told to end, and started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from voicechat.bench.chaos.mind import MODEL
from voicechat.bench.systems.port import BenchError
from voicechat.bench.systems.process import last_lines
from voicechat.fleet.redis_registry import RedisRegistry
from voicechat.fleet.registry import RegistryError
from voicechat.launch import guard
from voicechat.launch.environment import child_environment
from voicechat.launch.ports import LOOPBACK, free_port
from voicechat.launch.services import ORCHESTRATOR_SECTIONS, WORKER_SECTIONS
from voicechat.settings import Settings

READY_S = 120.0
_POLL_S = 0.1


@dataclass(slots=True)
class Part:
    """One process on one port."""

    name: str
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    process: Process | None = None

    async def start(self) -> None:
        """Begin to run."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(Path(guard.__file__)), str(os.getpid())),
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.environment),
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        """Whether there is a process; one that is stopped is there."""
        return self.process is not None and self.process.returncode is None

    def send(self, number: int) -> None:
        """Send a signal to the process, if it runs."""
        if self.process is not None and self.is_running:
            self.process.send_signal(number)

    async def ended(self) -> None:
        """Wait for its end."""
        if self.process is not None:
            await self.process.wait()

    async def kill(self) -> None:
        """End it at once; a process that is stopped too."""
        with contextlib.suppress(ProcessLookupError):
            self.send(signal.SIGKILL)
        await self.ended()


@dataclass(frozen=True, slots=True)
class Orchestrator:
    """An orchestrator's process, on an address of its own: balancers expect the same ports everywhere."""

    part: Part
    host: str
    port: int
    ops_port: int

    @property
    def url(self) -> str:
        """Its API."""
        return f"http://{self.host}:{self.port}"

    @property
    def realtime_url(self) -> str:
        """Its Realtime WebSocket."""
        return f"ws://{self.host}:{self.port}/v1/realtime"

    @property
    def ops_url(self) -> str:
        """Where it is asked how it is."""
        return f"http://{self.host}:{self.ops_port}"


@dataclass(frozen=True, slots=True)
class Installation:
    """What is mistreated."""

    redis: Part
    workers: tuple[Part, ...]
    orchestrators: tuple[Orchestrator, ...]
    registry: RedisRegistry

    @property
    def realtime_url(self) -> str:
        """The first orchestrator's."""
        return self.orchestrators[0].realtime_url

    async def registered(self) -> frozenset[str]:
        """Names of the workers that the registry knows; nobody while it is away."""
        try:
            return frozenset(record.name for record in (await self.registry.snapshot()).workers)
        except RegistryError:
            return frozenset()

    async def until_registered(self, *names: str) -> None:
        """Wait for workers to be in the registry. Raises `BenchError`."""
        try:
            async with asyncio.timeout(READY_S):
                while not await self.registered() >= set(names):  # noqa: ASYNC110 - other processes can only be asked
                    await asyncio.sleep(_POLL_S)
        except TimeoutError as error:
            said = " / ".join(f"{worker.name}: {last_lines(worker.log)}" for worker in self.workers)
            raise BenchError(f"workers did not register within {READY_S:g} s; {said}") from error


@asynccontextmanager
async def installation(
    settings: Settings, workers: int, directory: Path, orchestrators: int = 1
) -> AsyncIterator[Installation]:
    """Redis, a scripted mind, workers and orchestrators, on free ports; killed when the context is left."""
    if (redis_server := shutil.which("redis-server")) is None:
        raise BenchError("redis-server is not installed; get it with: apt-get install redis-server")
    redis_port, mind_port = free_port(), free_port()
    url = f"redis://{LOOPBACK}:{redis_port}/0"
    told = _told(settings, url, f"http://{LOOPBACK}:{mind_port}/v1")
    redis = Part("redis", _redis_command(redis_server, redis_port), directory / "redis.log")
    mind = Part("mind", (sys.executable, "-m", "voicechat.bench.chaos.mind", str(mind_port)), directory / "mind.log")
    fleet = tuple(_worker(told, f"worker-{number}", directory) for number in range(1, workers + 1))
    api_port, ops_port = free_port(), free_port()
    heads = tuple(_orchestrator(told, number, api_port, ops_port, directory) for number in range(1, orchestrators + 1))
    async with AsyncExitStack() as stack:
        for part in (redis, mind, *fleet, *(head.part for head in heads)):
            stack.push_async_callback(part.kill)
            await part.start()
        registry = RedisRegistry(url)
        stack.push_async_callback(registry.aclose)
        made = Installation(redis, fleet, heads, registry)
        await made.until_registered(*(worker.name for worker in fleet))
        for head in heads:
            await until_ready(head)
        yield made


def _told(settings: Settings, redis_url: str, mind_url: str) -> Settings:
    given = {
        "server": settings.server.model_dump(),
        "worker": settings.worker.model_dump(),
        "redis": {"url": redis_url, "heartbeat_s": settings.redis.heartbeat_s},
        "llm": {"mind": "openai", "base_url": mind_url, "model": MODEL, "api_key": "none"},
        "tts": {"worker_address": f"{LOOPBACK}:1", "default_model": settings.tts.default_model},
        "models": settings.models.model_dump(),
        "asr": settings.asr.model_dump(),
        "livekit": settings.livekit.model_dump(),
        "tracing": settings.tracing.model_dump(),
    }
    return Settings.model_validate(given)


def _redis_command(program: str, port: int) -> tuple[str, ...]:
    return (program, "--port", str(port), "--bind", LOOPBACK, "--save", "")


def _worker(settings: Settings, name: str, directory: Path) -> Part:
    worker = settings.worker.model_copy(
        update={"name": name, "host": LOOPBACK, "port": free_port(), "metrics_port": free_port(), "threads": 1}
    )
    told = settings.model_copy(update={"worker": worker})
    environment = child_environment(told, WORKER_SECTIONS, os.environ)
    return Part(name, (sys.executable, "-m", "voicechat.tts"), directory / f"{name}.log", environment)


def _orchestrator(settings: Settings, number: int, port: int, ops_port: int, directory: Path) -> Orchestrator:
    host, name = f"127.0.0.{number}", f"orchestrator-{number}"
    server = settings.server.model_copy(
        update={"host": host, "port": port, "ops_host": host, "health_check_port": ops_port}
    )
    told = settings.model_copy(update={"server": server})
    environment = child_environment(told, (*ORCHESTRATOR_SECTIONS, ""), os.environ)
    command = (sys.executable, "-m", "voicechat.launch.alone")
    return Orchestrator(Part(name, command, directory / f"{name}.log", environment), host, port, ops_port)


async def until_ready(orchestrator: Orchestrator) -> None:
    """Wait until new work may come. Raises `BenchError`."""
    try:
        async with asyncio.timeout(READY_S), httpx.AsyncClient(trust_env=False, timeout=3) as client:
            while not await _is_ready(client, orchestrator.ops_url):  # noqa: ASYNC110 - it can only be asked
                await asyncio.sleep(_POLL_S)
    except TimeoutError as error:
        said = last_lines(orchestrator.part.log)
        raise BenchError(f"the orchestrator was not ready within {READY_S:g} s; last words: {said}") from error


async def _is_ready(client: httpx.AsyncClient, ops_url: str) -> bool:
    try:
        return (await client.get(f"{ops_url}/readiness")).status_code == 200
    except httpx.HTTPError:
        return False
