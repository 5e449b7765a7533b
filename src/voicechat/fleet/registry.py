"""Where workers say that they are there, and where sessions find the worker they spoke with; the one in memory."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from voicechat.fleet.record import WorkerRecord
from voicechat.settings import RedisSettings

TTL_HEARTBEATS = 3
"""A worker that was not heard of for this many heartbeats is gone."""


class RegistryError(Exception):
    """The registry does not answer; the text names its setting."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Who is there. Another `epoch` than before: the registry has forgotten what it knew."""

    workers: tuple[WorkerRecord, ...]
    epoch: str


class Registry(Protocol):
    """Shared by workers and orchestrators. Every call raises `RegistryError`."""

    async def announce(self, record: WorkerRecord, ttl_s: float) -> None:
        """Be there under `record.name` for `ttl_s`, in place of what stood there."""

    async def withdraw(self, record: WorkerRecord) -> None:
        """Be gone, unless another process has taken the name."""

    async def snapshot(self) -> Snapshot:
        """Who is there now."""

    async def remember(self, session: str, worker: str, ttl_s: float) -> None:
        """Note the worker that a session speaks with."""

    async def recall(self, session: str) -> str | None:
        """The name of the worker that a session spoke with last."""

    async def aclose(self) -> None:
        """Release connections."""


class MemoryRegistry:
    """Implements `Registry` for one process. `clock` is monotonic, s."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._epoch = secrets.token_hex(4)
        self._workers: dict[str, tuple[WorkerRecord, float]] = {}
        self._sessions: dict[str, tuple[str, float]] = {}

    async def announce(self, record: WorkerRecord, ttl_s: float) -> None:
        """Be there for `ttl_s`."""
        self._workers[record.name] = (record, self._clock() + ttl_s)

    async def withdraw(self, record: WorkerRecord) -> None:
        """Be gone."""
        held = self._workers.get(record.name)
        if held is not None and held[0].instance == record.instance:
            del self._workers[record.name]

    async def snapshot(self) -> Snapshot:
        """Who is there."""
        now = self._clock()
        self._workers = {name: held for name, held in self._workers.items() if held[1] > now}
        return Snapshot(tuple(record for record, _ in self._workers.values()), self._epoch)

    async def remember(self, session: str, worker: str, ttl_s: float) -> None:
        """Note the worker of a session."""
        now = self._clock()
        self._sessions = {key: held for key, held in self._sessions.items() if held[1] > now}
        self._sessions[session] = (worker, now + ttl_s)

    async def recall(self, session: str) -> str | None:
        """The worker of a session."""
        held = self._sessions.get(session)
        return held[0] if held is not None and held[1] > self._clock() else None

    async def aclose(self) -> None:
        """Nothing is held."""


def open_registry(settings: RedisSettings) -> Registry | None:
    """The registry on Redis; None where no Redis is configured."""
    if settings.url is None:
        return None
    from voicechat.fleet.redis_registry import RedisRegistry  # a second that only those with Redis pay

    return RedisRegistry(settings.url.get_secret_value())
