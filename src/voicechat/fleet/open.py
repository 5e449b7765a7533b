"""The fleet of a process, as its settings describe it, kept in view while it is used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CollectorRegistry

from voicechat.fleet.client import WorkerFleet
from voicechat.fleet.metrics import FleetCollector, FleetMetrics
from voicechat.fleet.registry import open_registry
from voicechat.fleet.tally import LoneTally, Tally
from voicechat.models.catalogue import CATALOGUE
from voicechat.observability.sla import Sla
from voicechat.settings import RedisSettings, Settings

_log = structlog.get_logger()


@asynccontextmanager
async def open_fleet(
    settings: Settings, metrics: CollectorRegistry, sla: Sla | None = None
) -> AsyncIterator[WorkerFleet]:
    """The workers of this installation; what they do is counted on `metrics`, and judged by `sla`."""
    registry = open_registry(settings.redis)
    counts = FleetMetrics(metrics, CATALOGUE, sla=sla)
    fleet = WorkerFleet(settings.tts, settings.grpc, registry, settings.redis.heartbeat_s, counts)
    collector = FleetCollector(lambda: fleet.members, lambda: fleet.capacity)
    metrics.register(collector)
    following = asyncio.ensure_future(fleet.follow())
    following.add_done_callback(_tell)
    try:
        yield fleet
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await fleet.aclose()
        if registry is not None:
            await registry.aclose()


@asynccontextmanager
async def open_tally(settings: RedisSettings) -> AsyncIterator[Tally]:
    """What counts conversations together with the other orchestrators on this Redis; alone where none is configured."""
    if settings.url is None:
        yield LoneTally()
        return
    from voicechat.fleet.redis_tally import counted  # a second that only those with Redis pay

    async with counted(settings.url.get_secret_value()) as tally:
        yield tally


def _tell(following: asyncio.Future[None]) -> None:
    """A fleet that nobody keeps in view grows old unseen."""
    if not following.cancelled() and (error := following.exception()) is not None:
        _log.error("the fleet is no longer kept in view", exc_info=error)
