"""The orchestrator process: two HTTP servers on one event loop, and what they stand on."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from prometheus_client import REGISTRY

from voicechat.access.access import Access
from voicechat.access.build import open_access
from voicechat.access.denial import Reason
from voicechat.api.app import create_app
from voicechat.api.health import Probe, followed
from voicechat.api.lifecycle import Lifecycle, Phase
from voicechat.api.loading import DeferredEars, DeferredFactory
from voicechat.api.measured import ConversationMetrics, SessionWatch
from voicechat.api.moves import open_moves
from voicechat.api.ops import create_ops_app, health_of
from voicechat.api.redis_probe import open_redis_probe
from voicechat.api.room_door import DeferredRooms
from voicechat.api.room_service import is_configured, modules_of_rooms, serving_rooms
from voicechat.api.servers import QuietServer, bind, make_server, port_of, running
from voicechat.api.services import Services
from voicechat.api.watchdog import watchdog
from voicechat.conversation.listened import ListenedFactory
from voicechat.conversation.meter import Meter
from voicechat.conversation.port import ConversationFactory
from voicechat.fleet.open import open_fleet
from voicechat.fleet.port import VoiceFleet
from voicechat.observability.exposition import leave_out_creation_times
from voicechat.observability.rejections import rejections
from voicechat.observability.sla import Sla
from voicechat.process import spare_what_stays, stop_signals
from voicechat.settings import ServerSettings, Settings
from voicechat.transports.realtime.moving import Moves

if TYPE_CHECKING:
    from voicechat.api.parts import LoadedParts

log = structlog.get_logger(__name__)

POLL_S = 0.05
CODEC_THREADS = 2
"""Threads for what must not be coded on the event loop: large frames, and speech that is sent compressed."""
DECODER_THREADS = 2
"""Threads that decode recordings, for seconds each."""

LoadParts = Callable[[Settings, VoiceFleet, Meter], "AbstractAsyncContextManager[LoadedParts]"]
Announce = Callable[[int, int], None]
"""Is told the ports of the API and of ops once both answer."""


async def serve(settings: Settings, ready: Announce | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then let what runs finish for `server.shutdown_grace_s`.

    With Redis, conversations are asked before that to go on at another orchestrator; the others have `server.drain_s`.
    Liveness answers at once, readiness once the models are loaded. Raises `ExposedError`, `KeyStoreError`, `BindError`,
    `EarsError`, `MindError` or `PartError` when the process cannot do its work; the text says what to do.
    """
    leave_out_creation_times()
    rejections.expect(Reason)
    stop, metrics = asyncio.Event(), ConversationMetrics(REGISTRY, Sla(REGISTRY))
    with stop_signals(stop):
        async with (
            watchdog(),
            open_access(settings) as access,
            open_fleet(settings, REGISTRY, metrics.sla) as fleet,
            open_moves(settings.redis) as moves,
            open_redis_probe(settings.redis.url) as redis,
        ):
            await _serve(settings, access, fleet, moves, redis, metrics, stop, ready or _log_ready)


async def _serve(
    settings: Settings,
    access: Access,
    fleet: VoiceFleet,
    moves: Moves | None,
    redis: Probe | None,
    metrics: ConversationMetrics,
    stop: asyncio.Event,
    ready: Announce,
) -> None:
    factory, lifecycle, released = DeferredFactory(), Lifecycle(), asyncio.Event()
    with (
        ThreadPoolExecutor(CODEC_THREADS, "codec") as executor,
        ThreadPoolExecutor(DECODER_THREADS, "decoder") as decoders,
    ):
        services = Services(
            settings=settings,
            fleet=fleet,
            conversations=factory,
            access=access,
            lifecycle=lifecycle,
            ears=DeferredEars(),
            executor=executor,
            decoders=decoders,
            started_at=time.monotonic(),
            moves=moves,
            redis=redis,
            rooms=DeferredRooms(expected=is_configured(settings.livekit)),
        )
        async with _listening(services, ready) as api:
            # Conversations end with their connections, so the models they stand on go after the servers.
            holding = asyncio.ensure_future(_hold(services, factory, metrics, released))
            await _first_of(holding, stop)
            if not holding.done():
                await leave(lifecycle, services.settings.server.leave_s)
            lifecycle.move(Phase.DRAINING)
            log.info("draining", conversations=factory.active, grace_s=settings.server.shutdown_grace_s)
            factory.withdraw()
            api.take_nobody_new()
            if not factory.was_provided:
                # Models that are loaded by now are for nobody.
                holding.cancel()
            rooms_over = services.rooms.drain(settings.server.shutdown_grace_s)
            left_s, _ = await asyncio.gather(_calls_over(moves, factory, settings.server), rooms_over)
            api.limit_grace(left_s)
        released.set()
        await asyncio.wait((holding,))
        if not holding.cancelled():
            holding.result()


async def leave(lifecycle: Lifecycle, notice_s: float) -> None:
    """Serve on while balancers find out that nobody new should come: what they send meanwhile would be refused."""
    if lifecycle.wants_more and notice_s:
        lifecycle.leave()
        await asyncio.sleep(notice_s)


async def _calls_over(moves: Moves | None, factory: ConversationFactory, server: ServerSettings) -> float:
    """Let conversations go on elsewhere, where they can, and running replies end; returns what is left of the grace."""
    if moves is not None:
        moves.begin()
        await conversations_over(factory, server.drain_s)
    return await replies_over(factory, server.shutdown_grace_s)


async def conversations_over(factory: ConversationFactory, limit_s: float) -> float:
    """Wait until no conversation is held, `limit_s` at most; returns how much of it is left."""
    return await _wait_while(lambda: factory.active, limit_s)


async def replies_over(factory: ConversationFactory, grace_s: float) -> float:
    """Wait until nobody is being answered, `grace_s` at most; returns how much of it is left."""
    return await _wait_while(lambda: factory.replying, grace_s)


async def _wait_while(busy: Callable[[], int], limit_s: float) -> float:
    now = asyncio.get_running_loop().time
    end_s = now() + limit_s
    while busy() and now() < end_s:  # noqa: ASYNC110 - it can only be asked
        await asyncio.sleep(POLL_S)
    return max(0.0, end_s - now())


async def _hold(
    services: Services, factory: DeferredFactory, metrics: ConversationMetrics, released: asyncio.Event
) -> None:
    """Keep the models loaded, and serve on them, until released."""
    if not services.settings.asr.enabled:
        factory.refuse("recognition_disabled", "conversations are off: ASR_ENABLED is false on this server")
        services.ears.refuse("recognition_disabled", "recognition is off: ASR_ENABLED is false on this server")
        services.rooms.refuse("recognition_disabled", "rooms are off: ASR_ENABLED is false on this server")
        services.lifecycle.move(Phase.SERVING)
        await released.wait()
        return
    # These imports alone take longer than a balancer waits for liveness; plugins insist on the main thread.
    modules = ("livekit.agents", "faster_whisper", *modules_of_rooms(services.settings.livekit))
    for done, module in enumerate(modules, 1):
        await asyncio.to_thread(importlib.import_module, module)
        # The models are one step more.
        services.lifecycle.loaded(done, len(modules) + 1)
    load_parts: LoadParts = importlib.import_module("voicechat.api.parts").load_parts
    async with (
        serving_rooms(services) as leave_rooms,
        load_parts(services.settings, services.fleet, metrics) as loaded,
    ):
        factory.provide(ListenedFactory(loaded.conversations, lambda: SessionWatch(metrics)))
        services.ears.provide(loaded.ears)
        spare_what_stays()
        services.lifecycle.move(Phase.SERVING)
        log.info("conversations can start")
        await released.wait()
        await leave_rooms()


@asynccontextmanager
async def _listening(services: Services, ready: Announce) -> AsyncIterator[QuietServer]:
    """Both servers: ops outlives the API, which is given, to say that it drains."""
    server = services.settings.server
    api_socket = bind(server.host, server.port, "server.port (--port)")
    try:
        ops_socket = bind(server.ops_host, server.health_check_port, "server.health_check_port (--ops-port)")
    except BaseException:
        api_socket.close()
        raise
    monitor = health_of(services)
    ops = make_server(create_ops_app(services, monitor), server)
    api = make_server(create_app(services), server, tls=True)
    async with running(ops, ops_socket), running(api, api_socket), followed(monitor):
        ready(port_of(api_socket), port_of(ops_socket))
        yield api


async def _first_of(work: asyncio.Future[None], stop: asyncio.Event) -> None:
    """Return when `work` has failed or the process is to stop."""
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait((work, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    await asyncio.wait((stopping,))


def _log_ready(port: int, ops_port: int) -> None:
    log.info("listening", port=port, ops_port=ops_port)
