"""The life of the worker process: bind, load, serve, drain."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from http.server import HTTPServer

import grpc.aio
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry, make_wsgi_app, start_http_server

from voicechat.access.exposure import check_worker
from voicechat.fleet.announcer import Announcer
from voicechat.models.store import ModelStore
from voicechat.observability.exposition import leave_out_creation_times
from voicechat.process import spare_what_stays, stop_signals
from voicechat.rpc.voicechat.tts.v1 import tts_pb2
from voicechat.rpc.voicechat.tts.v1.tts_pb2_grpc import add_SynthesizerServicer_to_server
from voicechat.settings import Adapter, Settings, WorkerSettings
from voicechat.tts.admission import Admission
from voicechat.tts.credentials import bind, interceptors
from voicechat.tts.engine import Engine, EngineError
from voicechat.tts.health import with_health
from voicechat.tts.library import Library, LoadedVoice
from voicechat.tts.metrics import WorkerMetrics
from voicechat.tts.refusal import Refusal
from voicechat.tts.registration import registration
from voicechat.tts.residency import EvictionReason, Residency, ResidencyPolicy
from voicechat.tts.scheduler import Scheduler
from voicechat.tts.service import VERSION, Limits, SynthesizerService
from voicechat.tts.speed import Speed

SERVICE = tts_pb2.DESCRIPTOR.services_by_name["Synthesizer"].full_name
_ADMISSION_WAIT_S = 10.0
_SWEEP_S = 1.0
_PRELOAD_RETRY_S = 5.0
_LAST_WORDS_S = 0.5
_MOST_HURRY_THREADS = 4
"""More do not make so small a graph faster."""
_SERVER_OPTIONS = (
    ("grpc.so_reuseport", 0),
    # Clients ping every 10 s while they hold a connection; see the fleet's client.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
)
_log = structlog.get_logger()


async def serve(settings: Settings, *, ready: Callable[[int], None] | None = None) -> None:
    """Run a worker until SIGTERM or SIGINT, then drain.

    Args:
        settings: Of the whole installation; `worker`, `tts` and `models` matter here.
        ready: Told the gRPC port once the default voice can speak.

    Raises:
        ExposedError: The worker would serve a public address without credentials.
        OSError: A port is taken, or a file of the credentials cannot be read.
        EngineError: The engine family is not part of this worker.
        UnknownModelError: There is no voice of a name that should be there from the start.
    """
    check_worker(settings)
    _check_preload(settings)
    leave_out_creation_times()
    stop = asyncio.Event()
    async with _Worker.running(settings) as worker, asyncio.TaskGroup() as group:
        with stop_signals(stop):
            chores = [group.create_task(chore) for chore in (worker.preload(ready), worker.register(), worker.sweep())]
            await stop.wait()
            await worker.drain()
            for chore in chores:
                chore.cancel()


class _Observer:
    """Logs and counts what comes and goes."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        self._metrics = metrics

    def loaded(self, model_id: str, took_s: float) -> None:
        """A model came."""
        self._metrics.model_load.labels(model_id).observe(took_s)
        _log.info("model loaded", model=model_id, took_ms=round(took_s * 1000))

    def evicted(self, model_id: str, reason: EvictionReason) -> None:
        """A model left."""
        self._metrics.evictions.labels(reason.value).inc()
        _log.info("model evicted", model=model_id, reason=reason.value)


class _Worker:
    def __init__(
        self,
        settings: Settings,
        port: int,
        service: SynthesizerService,
        residency: Residency[LoadedVoice],
        health: health_aio.HealthServicer,
        server: grpc.aio.Server,
        announcer: Announcer | None,
        serves: asyncio.Event,
    ) -> None:
        self._settings = settings
        self._port = port
        self._service = service
        self._residency = residency
        self._health = health
        self._server = server
        self._announcer = announcer
        self._serves = serves

    @classmethod
    @asynccontextmanager
    async def running(cls, settings: Settings) -> AsyncIterator[_Worker]:
        """A worker whose ports are bound; everything it holds is released on leaving."""
        worker = settings.worker
        threads = worker.threads or _cores()
        metrics = WorkerMetrics(CollectorRegistry())
        async with AsyncExitStack() as stack:
            executor = stack.enter_context(ThreadPoolExecutor(2, "models"))
            scheduler = Scheduler(threads, lambda pace, took_s: metrics.unit.labels(pace.name.lower()).observe(took_s))
            stack.callback(scheduler.close)
            library = Library(ModelStore(settings.models.directory), _engine(settings, threads), executor)
            clock = asyncio.get_running_loop().time
            residency = Residency(library.load, _policy(worker), _Observer(metrics), clock)
            stack.push_async_callback(residency.aclose)
            speed = Speed(threads, worker.capacity)
            admission = Admission(speed, worker.max_queue, _ADMISSION_WAIT_S)
            limits = Limits(settings.tts.default_model, worker.max_text_chars)
            service = SynthesizerService(library, residency, admission, scheduler, metrics, limits, settings.profiling)
            _watch(metrics, library.engine, residency, admission, scheduler)
            serves = asyncio.Event()
            stack.enter_context(_metrics_server(worker, metrics.registry, serves.is_set))
            health = health_aio.HealthServicer()
            server, port = await _bind(settings, service, health, metrics)
            stack.push_async_callback(server.stop, None)
            announcer = await stack.enter_async_context(registration(settings, port, service.record))
            if announcer is not None:
                metrics.registered.set_function(lambda: announcer.registered)
            _log.info("worker bound", host=worker.host, port=port, threads=threads)
            yield cls(settings, port, service, residency, health, server, announcer, serves)

    async def preload(self, ready: Callable[[int], None] | None) -> None:
        """Load what should be there from the start, then tell the world; files that are missing may still come."""
        for model_id in _preload(self._settings):
            await self._persist(model_id)
        spare_what_stays()
        await self._tell(health_pb2.HealthCheckResponse.SERVING)
        self._serves.set()
        if ready is not None:
            ready(self._port)

    async def _persist(self, model_id: str) -> None:
        while True:
            try:
                await self._residency.load(model_id)
                return
            except Refusal as refusal:
                _log.error("preload failed", model=model_id, reason=refusal.text, retry_s=_PRELOAD_RETRY_S)
            await asyncio.sleep(_PRELOAD_RETRY_S)

    async def register(self) -> None:
        """Be in the registry, where there is one, from when the worker can speak."""
        await self._serves.wait()
        if self._announcer is not None:
            await self._announcer.beat()

    async def sweep(self) -> None:
        """Let idle models go."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            await self._residency.sweep()

    async def drain(self) -> None:
        """Leave the registry, refuse what is new, finish what runs, and close."""
        _log.info("draining", at_most_s=self._settings.worker.drain_s)
        self._serves.clear()
        if self._announcer is not None:
            await self._announcer.leave()
        await self._health.enter_graceful_shutdown()
        finished = await self._service.drain(self._settings.worker.drain_s)
        await self._server.stop(_LAST_WORDS_S)
        _log.info("drained", finished=finished)

    async def _tell(self, status: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        for name in ("", SERVICE):
            await self._health.set(name, status)


def _preload(settings: Settings) -> list[str]:
    return settings.worker.preload or [settings.tts.default_model]


def _check_preload(settings: Settings) -> None:
    """Raise `UnknownModelError` for a name that is wrong; files that are missing may still come."""
    store = ModelStore(settings.models.directory)
    for model_id in _preload(settings):
        store.entry(model_id)


def _cores() -> int:
    """Cores that this process may use, which is fewer than there are in a container or under taskset."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _engine(settings: Settings, threads: int) -> Engine:
    match settings.tts.adapter:
        case Adapter.PIPER:
            from voicechat.tts.engines.piper.voice import PiperEngine

            return PiperEngine(min(threads, _MOST_HURRY_THREADS), settings.worker.lexicon)
        case other:
            raise EngineError(f"this worker has no engine {other.value!r}; set tts.adapter to piper")


def _policy(worker: WorkerSettings) -> ResidencyPolicy:
    return ResidencyPolicy(
        cap=worker.resident_cap,
        ttl_s=worker.ttl_ms / 1000,
        min_residency_s=worker.min_residency_ms / 1000,
        parallel_loads=worker.parallel_loads,
        load_timeout_s=worker.load_timeout_s,
    )


async def _bind(
    settings: Settings, service: SynthesizerService, health: health_aio.HealthServicer, metrics: WorkerMetrics
) -> tuple[grpc.aio.Server, int]:
    worker = settings.worker
    refused = metrics.rejected.labels("secret")
    server = grpc.aio.server(
        options=_SERVER_OPTIONS, interceptors=interceptors(settings.grpc, lambda _method: refused.inc())
    )
    add_SynthesizerServicer_to_server(service, server)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    for name in ("", SERVICE):
        await health.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)
    reflection.enable_server_reflection((SERVICE, "grpc.health.v1.Health", reflection.SERVICE_NAME), server)
    address = f"{worker.host}:{worker.port}"
    try:
        port = bind(server, address, settings.grpc)
    except RuntimeError as error:
        raise OSError(f"{address} cannot be bound; free the port or set worker.port (0 takes a free one)") from error
    await server.start()
    return server, port


@contextmanager
def _metrics_server(
    worker: WorkerSettings, registry: CollectorRegistry, serves: Callable[[], bool]
) -> Iterator[HTTPServer]:
    try:
        server, thread = start_http_server(worker.metrics_port, worker.host, registry)
    except OSError as error:
        raise OSError(
            f"{worker.host}:{worker.metrics_port} cannot be bound; free the port or set worker.metrics_port"
        ) from error
    server.set_app(with_health(make_wsgi_app(registry), serves))
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _watch(
    metrics: WorkerMetrics,
    engine: Engine,
    residency: Residency[LoadedVoice],
    admission: Admission,
    scheduler: Scheduler,
) -> None:
    metrics.models_resident.set_function(lambda: len(residency.residents))
    metrics.streams.set_function(lambda: admission.active)
    metrics.queued.set_function(lambda: admission.queued)
    metrics.capacity.set_function(lambda: admission.capacity)
    metrics.units_waiting.set_function(lambda: scheduler.waiting)
    metrics.build_info.labels(VERSION, engine.name, engine.version).set(1)
