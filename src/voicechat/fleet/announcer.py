"""A worker's side of the registry: it says that it is there, again and again, and takes leave."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from voicechat.fleet.record import WorkerRecord
from voicechat.fleet.registry import TTL_HEARTBEATS, Registry, RegistryError

_LEAVE_S = 2.0
_JITTER = 0.1
_log = structlog.get_logger()


class Announcer:
    """Keeps one worker in the registry.

    Args:
        registry: Where it stands.
        describe: What is true of the worker now.
        heartbeat_s: How often it is written; it stands for three of these.
    """

    def __init__(self, registry: Registry, describe: Callable[[], Awaitable[WorkerRecord]], heartbeat_s: float) -> None:
        self._registry = registry
        self._describe = describe
        self._heartbeat_s = heartbeat_s
        self._left = False
        self._writing = asyncio.Lock()
        self.registered = False

    async def beat(self) -> None:
        """Write the record for as long as this runs; a registry that is away is tried again at every beat."""
        while True:
            await self._announce()
            await asyncio.sleep(self._heartbeat_s * random.uniform(1 - _JITTER, 1 + _JITTER))

    async def leave(self) -> None:
        """Be gone from the registry before the worker is; nothing is written afterwards."""
        self._left = True
        try:
            async with asyncio.timeout(_LEAVE_S), self._writing:
                await self._registry.withdraw(await self._describe())
        except (RegistryError, TimeoutError) as error:
            _log.warning("worker could not take leave of the registry", reason=str(error) or "no answer in time")
        self.registered = False

    async def _announce(self) -> None:
        async with self._writing:
            if self._left:
                return
            try:
                await self._registry.announce(await self._describe(), TTL_HEARTBEATS * self._heartbeat_s)
            except RegistryError as error:
                self._note(False, str(error))
            else:
                self._note(True, "")

    def _note(self, registered: bool, reason: str) -> None:
        if registered and not self.registered:
            _log.info("worker registered")
        elif not registered and self.registered:
            _log.warning("worker lost its registry; it goes on and tries again", reason=reason)
        self.registered = registered
