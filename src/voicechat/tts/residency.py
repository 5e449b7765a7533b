"""Which models are in memory, and which one leaves when another must come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

import grpc

from voicechat.tts.refusal import Refusal, exhausted

ModelT = TypeVar("ModelT")


class EvictionReason(StrEnum):
    """Why a model left."""

    ROOM = "room"
    IDLE = "idle"
    ASKED = "asked"
    RELOADED = "reloaded"


@dataclass(frozen=True, slots=True)
class ResidencyPolicy:
    """Bounds of residency.

    Attributes:
        cap: Models in memory at most, those being loaded included.
        ttl_s: Idle time after which a model leaves.
        min_residency_s: Time that a loaded model stays at least, unless it is asked to leave.
        parallel_loads: Models loaded at once.
        load_timeout_s: Time a load may take, the wait for a free place included.
    """

    cap: int
    ttl_s: float
    min_residency_s: float
    parallel_loads: int
    load_timeout_s: float


class ResidencyObserver(Protocol):
    """Told of every load and eviction."""

    def loaded(self, model_id: str, took_s: float) -> None:
        """A model came."""

    def evicted(self, model_id: str, reason: EvictionReason) -> None:
        """A model left."""


@dataclass(slots=True)
class _Resident(Generic[ModelT]):
    model: ModelT
    loaded_at: float
    used_at: float
    load_s: float
    users: int = 0


class Residency(Generic[ModelT]):
    """Holds models. Loads of one model are shared; a model in use never leaves.

    Args:
        load: Makes a model of its id.
        clock: Seconds, monotonic, the event loop's own.
    """

    def __init__(
        self,
        load: Callable[[str], Awaitable[ModelT]],
        policy: ResidencyPolicy,
        observer: ResidencyObserver,
        clock: Callable[[], float],
    ) -> None:
        self._load_model = load
        self._policy = policy
        self._observer = observer
        self._clock = clock
        self._residents: dict[str, _Resident[ModelT]] = {}
        self._loads: dict[str, asyncio.Task[_Resident[ModelT]]] = {}
        self._reserved = 0
        self._changed = asyncio.Condition()
        self._loading = asyncio.Semaphore(policy.parallel_loads)

    @property
    def residents(self) -> dict[str, ModelT]:
        """Models in memory by id."""
        return {model_id: resident.model for model_id, resident in self._residents.items()}

    def users(self, model_id: str) -> int:
        """How many hold the model now."""
        resident = self._residents.get(model_id)
        return resident.users if resident else 0

    @asynccontextmanager
    async def hold(self, model_id: str) -> AsyncIterator[ModelT]:
        """Use a model, loading it first where needed. Raises `Refusal` when there is no room in time."""
        resident = await self._resident(model_id)
        resident.users += 1
        try:
            yield resident.model
        finally:
            resident.users -= 1
            resident.used_at = self._clock()
            async with self._changed:
                self._changed.notify_all()

    async def load(self, model_id: str) -> float:
        """Make a model resident; returns the seconds that took, 0 when it was already."""
        if model_id in self._residents:
            return 0.0
        return (await self._resident(model_id)).load_s

    async def reload(self, model_id: str) -> float:
        """Load a model's files anew; those who hold the old one keep it until they end. Returns the seconds that took.

        For that time both are in memory, whatever the cap: it bounds what is held, not what is being exchanged.
        """
        if model_id not in self._residents:
            return await self.load(model_id)
        try:
            async with asyncio.timeout(self._policy.load_timeout_s), self._loading:
                fresh = await self._timed_load(model_id)
        except TimeoutError as error:
            raise self._too_slow(model_id) from error
        if self._residents.pop(model_id, None) is not None:
            self._observer.evicted(model_id, EvictionReason.RELOADED)
        self._residents[model_id] = fresh
        self._observer.loaded(model_id, fresh.load_s)
        return fresh.load_s

    async def unload(self, model_id: str) -> None:
        """Release an idle model. Raises `Refusal` while it is in use."""
        if users := self.users(model_id):
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"model {model_id!r} is in use by {users} replies; wait for them to end, or drain the worker",
            )
        if model_id in self._residents:
            await self._evict(model_id, EvictionReason.ASKED)

    async def sweep(self) -> None:
        """Let models leave that have been idle for the policy's time."""
        now = self._clock()
        for model_id, resident in list(self._residents.items()):
            if self._may_leave(resident, now) and now - resident.used_at >= self._policy.ttl_s:
                await self._evict(model_id, EvictionReason.IDLE)

    async def aclose(self) -> None:
        """Give up loads that are under way."""
        for task in self._loads.values():
            task.cancel()
        await asyncio.gather(*self._loads.values(), return_exceptions=True)

    async def _resident(self, model_id: str) -> _Resident[ModelT]:
        """The model in memory; one that had to leave before who waited for it could take hold is loaded again."""
        while (resident := self._residents.get(model_id)) is None:
            await self._shared_load(model_id)
        return resident

    async def _shared_load(self, model_id: str) -> _Resident[ModelT]:
        task = self._loads.get(model_id)
        if task is None:
            task = self._loads[model_id] = asyncio.create_task(self._bring(model_id), name=f"load {model_id}")
            task.add_done_callback(lambda done: self._loaded(model_id, done))
        # Shared: one caller that gives up must not take the load from the others.
        return await asyncio.shield(task)

    def _loaded(self, model_id: str, task: asyncio.Task[_Resident[ModelT]]) -> None:
        self._loads.pop(model_id, None)
        if not task.cancelled():
            task.exception()  # Marked as seen, for when every caller has gone.

    async def _bring(self, model_id: str) -> _Resident[ModelT]:
        try:
            async with asyncio.timeout(self._policy.load_timeout_s), self._loading:
                await self._make_room(model_id)
                try:
                    resident = await self._timed_load(model_id)
                    self._residents[model_id] = resident
                finally:
                    self._reserved -= 1
        except TimeoutError as error:
            raise self._too_slow(model_id) from error
        self._observer.loaded(model_id, resident.load_s)
        return resident

    async def _timed_load(self, model_id: str) -> _Resident[ModelT]:
        began = self._clock()
        model = await self._load_model(model_id)
        now = self._clock()
        return _Resident(model, now, now, now - began)

    async def _make_room(self, model_id: str) -> None:
        """Reserve a place, for which an idle model may have to leave."""
        while len(self._residents) + self._reserved >= self._policy.cap:
            now = self._clock()
            idle = {name: resident for name, resident in self._residents.items() if resident.users == 0}
            leaving = [name for name, resident in idle.items() if self._may_leave(resident, now)]
            if leaving:
                await self._evict(min(leaving, key=lambda name: idle[name].used_at), EvictionReason.ROOM)
                continue
            ends = [resident.loaded_at + self._policy.min_residency_s - now for resident in idle.values()]
            await self._wait(min(ends, default=None))
        self._reserved += 1

    async def _wait(self, at_most_s: float | None) -> None:
        try:
            async with asyncio.timeout(at_most_s), self._changed:
                await self._changed.wait()
        except TimeoutError:
            if at_most_s is None:
                raise

    def _may_leave(self, resident: _Resident[ModelT], now: float) -> bool:
        return resident.users == 0 and now - resident.loaded_at >= self._policy.min_residency_s

    async def _evict(self, model_id: str, reason: EvictionReason) -> None:
        del self._residents[model_id]
        self._observer.evicted(model_id, reason)
        async with self._changed:
            self._changed.notify_all()

    def _too_slow(self, model_id: str) -> Refusal:
        return exhausted(
            f"model {model_id!r} found no place or did not load within {self._policy.load_timeout_s:g} s, with "
            f"{', '.join(self._residents) or 'nothing'} resident; retry later, or raise worker.resident_cap",
            retry_after_ms=round(self._policy.load_timeout_s * 1000),
        )
