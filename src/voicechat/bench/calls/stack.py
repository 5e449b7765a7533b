"""The product as `voicechat up` runs it, on free ports, for as long as it is measured."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from voicechat.bench.calls.tap import VoiceTap, tapped
from voicechat.bench.systems.port import BenchError
from voicechat.client.errors import one_error
from voicechat.launch.ports import LOOPBACK, free_port
from voicechat.launch.service import Service
from voicechat.launch.services import mind_service, orchestrator_service, voice_service
from voicechat.launch.supervisor import Supervisor
from voicechat.llm.find import Mind, find_mind
from voicechat.models.store import ModelStore
from voicechat.settings import MindKind, Settings

READY_TIMEOUT_S = 90.0


@dataclass(frozen=True, slots=True)
class Stack:
    """A running product.

    Attributes:
        realtime_url: Of its WebSocket.
        ops_url: Of health and metrics.
        mind: The language model, for peers to ask as well.
        pids: By service: voice, mind (where it is our own), ears.
        tap: What the worker gave, where it was asked for.
    """

    realtime_url: str
    ops_url: str
    mind: Mind
    pids: dict[str, int]
    tap: VoiceTap | None

    @property
    def url(self) -> str:
        """Of its HTTP API."""
        return self.realtime_url.replace("ws", "http", 1).removesuffix("/v1/realtime")


@asynccontextmanager
async def own_stack(settings: Settings, *, tap: bool = False) -> AsyncIterator[Stack]:
    """Start voice, mind and orchestrator; ended when the context is left.

    Raises `ModelError`, `MindError`, or `BenchError` when a part does not start or died in between.
    """
    settings = _on_free_ports(settings)
    _require_models(settings)
    mind = await find_mind(settings.llm)
    watcher = _Watcher()
    with one_error():
        async with Supervisor(watcher) as supervisor, asyncio.TaskGroup() as group:
            watching = group.create_task(supervisor.watch())
            voice = voice_service(settings)
            services = [supervisor.start(voice)]
            if mind.kind is MindKind.EMBEDDED:
                embedded = mind_service(settings)
                services.append(supervisor.start(embedded))
                mind = mind.at(f"http://{embedded.address}/v1")
            try:
                async with tapped(voice.address if tap else None) as overheard:
                    address = overheard.address if overheard is not None else voice.address
                    services.append(supervisor.start(orchestrator_service(settings, mind, address)))
                    async with asyncio.timeout(READY_TIMEOUT_S):
                        for service in services:
                            await service.became_ready()
                    server = settings.server
                    yield Stack(
                        f"ws://{LOOPBACK}:{server.port}/v1/realtime",
                        f"http://{LOOPBACK}:{server.health_check_port}",
                        mind,
                        {one.service.name: one.pid for one in services if one.pid is not None},
                        overheard,
                    )
            except TimeoutError as error:
                raise BenchError(f"not ready within {READY_TIMEOUT_S:g} s; {watcher.last_words}") from error
            finally:
                watching.cancel()
    if watcher.deaths:
        raise BenchError(f"died while it was measured: {watcher.deaths[0]}; {watcher.last_words}")


def _on_free_ports(settings: Settings) -> Settings:
    server = settings.server.model_copy(
        update={"host": LOOPBACK, "port": free_port(), "health_check_port": free_port()}
    )
    return settings.model_copy(update={"server": server})


def _require_models(settings: Settings) -> None:
    store = ModelStore(settings.models.directory)
    for model_id in (settings.tts.default_model, settings.asr.model):
        store.require(model_id)


class _Watcher:
    """Remembers whether a part died: a restarted one would spoil the figures unseen."""

    def __init__(self) -> None:
        self.deaths: list[str] = []
        self._lines: deque[str] = deque(maxlen=12)

    @property
    def last_words(self) -> str:
        """What was written last."""
        return "last words: " + (" / ".join(self._lines) or "none")

    def ready(self, service: Service, pid: int, took_s: float) -> None:
        """A part answers."""

    def died(self, service: Service, pid: int, reason: str, restart_in_s: float | None) -> None:
        """A part ended by itself."""
        self.deaths.append(f"{service.name} {reason}")

    def output(self, service: Service, line: str) -> None:
        """A line that a part wrote."""
        self._lines.append(f"{service.name}: {line}")
