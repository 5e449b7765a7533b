"""A worker's place in the registry: its name, and the address that others reach it at."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from voicechat.fleet.announcer import Announcer
from voicechat.fleet.record import WorkerRecord, new_instance
from voicechat.fleet.registry import open_registry
from voicechat.settings import Settings, WorkerSettings

ANY_HOST = ("", "0.0.0.0", "::")

Describe = Callable[[str, str, str], Awaitable[WorkerRecord]]
"""Makes the record from name, address and instance."""


@asynccontextmanager
async def registration(settings: Settings, port: int, describe: Describe) -> AsyncIterator[Announcer | None]:
    """What registers the worker that listens on `port`; None where no registry is configured."""
    registry = open_registry(settings.redis)
    if registry is None:
        yield None
        return
    name = settings.worker.name or f"{socket.gethostname()}-{port}"
    address, instance = advertised_address(settings.worker, port), new_instance()
    try:
        yield Announcer(registry, lambda: describe(name, address, instance), settings.redis.heartbeat_s)
    finally:
        await registry.aclose()


def advertised_address(worker: WorkerSettings, port: int) -> str:
    """Where orchestrators find the worker; a port that is not given is the one it listens on."""
    given = worker.advertise_address or (socket.gethostname() if worker.host in ANY_HOST else worker.host)
    host, colon, tail = given.rpartition(":")
    if given.endswith("]") or not colon:
        return f"{given}:{port}"
    if ":" in host and not host.startswith("["):
        return f"[{given}]:{port}"
    return given if tail else f"{host}:{port}"
