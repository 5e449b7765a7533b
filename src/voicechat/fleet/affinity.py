"""The worker that a session spoke with before: its next reply finds the voice warm there."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress

from voicechat.fleet.registry import Registry, RegistryError

TTL_S = 600.0
KEPT = 4096
"""Sessions remembered in this process."""
_RECALL_S = 0.05
"""A reply does not wait longer to learn where its session was; it is only a preference."""
_WAITING = 256


class Affinity:
    """Remembers in this process, and for other orchestrators in the registry."""

    def __init__(self, registry: Registry | None) -> None:
        self._registry = registry
        self._known: OrderedDict[str, str] = OrderedDict()
        self._news: asyncio.Queue[tuple[str, str]] = asyncio.Queue(_WAITING)

    async def worker_of(self, session: str) -> str | None:
        """The name of the worker, if any is known."""
        if not session:
            return None
        if session not in self._known and self._registry is not None:
            with suppress(RegistryError, TimeoutError):
                async with asyncio.timeout(_RECALL_S):
                    if (worker := await self._registry.recall(session)) is not None:
                        self._keep(session, worker)
        return self._known.get(session)

    def spoke(self, session: str, worker: str) -> None:
        """A worker has taken a reply of the session."""
        if session:
            self._keep(session, worker)
            # While the registry is away, what other orchestrators would learn is dropped.
            with suppress(asyncio.QueueFull):
                self._news.put_nowait((session, worker))

    async def write(self) -> None:
        """Tell the registry, for as long as this runs."""
        while True:
            session, worker = await self._news.get()
            if self._registry is not None:
                with suppress(RegistryError):
                    await self._registry.remember(session, worker, TTL_S)

    def _keep(self, session: str, worker: str) -> None:
        self._known[session] = worker
        self._known.move_to_end(session)
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
