"""Our own worker: the product's process, asked over the product's wire."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

from voicechat.bench.pinned import on_cores
from voicechat.bench.playout import Playout
from voicechat.bench.systems.port import BenchError, Refused
from voicechat.client.errors import one_error
from voicechat.fleet.client import WorkerFleet
from voicechat.fleet.port import AudioChunk, Pace, SpeechRequest, SpeechStream, Started, VoiceError
from voicechat.launch.service import Service
from voicechat.launch.services import voice_service
from voicechat.launch.supervisor import Supervisor
from voicechat.models.store import ModelStore
from voicechat.settings import Settings

REPORT_S = 0.1
"""How often a listener says what it has heard."""


class WorkerSystem:
    """Speaks through a worker at REALTIME pace, reporting what was played.

    Args:
        fleet: Reaches the worker.
        address: Of the worker.
        model_id: The voice.
        pid: Of the worker.
        settings: Of the worker, for the report.
        pace: BULK takes the audio as it is made.
    """

    name = "voicechat"

    def __init__(
        self,
        fleet: WorkerFleet,
        address: str,
        model_id: str,
        pid: int,
        settings: dict[str, Any],
        pace: Pace = Pace.REALTIME,
    ) -> None:
        self.fleet = fleet
        self.address = address
        self.model_id = model_id
        self._pid = pid
        self._settings = settings
        self._pace = pace

    @property
    def pid(self) -> int:
        """Of the worker."""
        return self._pid

    @property
    def settings(self) -> dict[str, Any]:
        """Of the worker."""
        return self._settings

    def at_pace(self, pace: Pace) -> WorkerSystem:
        """The same worker, asked differently."""
        return WorkerSystem(self.fleet, self.address, self.model_id, self._pid, self._settings, pace)

    def request(self) -> SpeechRequest:
        """How replies are asked for: the voice's own rate, one seed, so that every repeat computes the same."""
        return SpeechRequest(model_id=self.model_id, pace=self._pace, sample_rate_hz=0, seed=1)

    async def speak(self, text: str, playout: Playout) -> None:
        """Speak `text`; raises `Refused` on RESOURCE_EXHAUSTED."""
        try:
            with one_error():
                async with self.fleet.speak(self.request()) as stream, asyncio.TaskGroup() as group:
                    group.create_task(send(stream, text))
                    reports = group.create_task(report_played(stream, playout))
                    await receive(stream, playout)
                    reports.cancel()
        except VoiceError as error:
            if error.code == "RESOURCE_EXHAUSTED":
                raise Refused(str(error)) from error
            raise BenchError(f"the worker failed: {error}") from error


async def send(stream: SpeechStream, text: str) -> None:
    """Send all of the text at once."""
    await stream.push_text(text)
    await stream.end()


async def report_played(stream: SpeechStream, playout: Playout) -> None:
    """Report what is heard, for as long as the reply lasts."""
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(REPORT_S)
        playout.advance(clock())
        await stream.played(playout.played_samples)


async def receive(stream: SpeechStream, playout: Playout) -> None:
    """Hand what arrives to the listener."""
    clock = asyncio.get_running_loop().time
    rate_hz = 0
    async for event in stream:
        match event:
            case Started():
                rate_hz = event.sample_rate_hz
            case AudioChunk():
                playout.arrive(clock(), event.pcm, rate_hz)
    playout.end(clock())


@asynccontextmanager
async def own_worker(settings: Settings, cores: Collection[int] = ()) -> AsyncIterator[WorkerSystem]:
    """Start a worker on a free port, on `cores` only if some are named; ended when the context is left.

    Raises `ModelError` when its voice is not installed, `ServiceFailed` when it does not start, and `BenchError` when
    it ended in between.
    """
    model_id = settings.tts.default_model
    ModelStore(settings.models.directory).require(model_id)
    service = voice_service(settings)
    service = dataclasses.replace(service, command=on_cores(service.command, cores))
    observer = _Deaths()
    with one_error():
        async with Supervisor(observer) as supervisor, asyncio.TaskGroup() as group:
            watching = group.create_task(supervisor.watch())
            supervised = supervisor.start(service)
            await supervised.became_ready()
            assert supervised.pid is not None
            fleet = WorkerFleet(settings.tts.model_copy(update={"worker_address": service.address}))
            try:
                yield WorkerSystem(fleet, service.address, model_id, supervised.pid, _told(settings, cores))
            finally:
                await fleet.aclose()
                watching.cancel()
    if observer.reasons:
        said = " / ".join(observer.lines) or "nothing"
        raise BenchError(f"the worker died while it was measured ({observer.reasons[0]}); its last words: {said}")


def _told(settings: Settings, cores: Collection[int]) -> dict[str, Any]:
    worker = settings.worker
    return {
        "model": settings.tts.default_model,
        "threads": worker.threads,
        "capacity": worker.capacity,
        "max_queue": worker.max_queue,
        "cores": sorted(cores) or "all",
    }


class _Deaths:
    """Remembers whether the worker died: a restarted one would spoil the figures unseen."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.lines: deque[str] = deque(maxlen=8)

    def ready(self, service: Service, pid: int, took_s: float) -> None:
        """The worker answers."""

    def died(self, service: Service, pid: int, reason: str, restart_in_s: float | None) -> None:
        """The worker ended by itself."""
        self.reasons.append(reason)

    def output(self, service: Service, line: str) -> None:
        """A line that the worker wrote."""
        self.lines.append(line)
