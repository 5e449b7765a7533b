"""What an orchestrator knows of the fleet: kept fresh in the background, never fetched while a reply waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog

from voicechat.fleet.member import Member
from voicechat.fleet.record import WorkerRecord
from voicechat.fleet.registry import TTL_HEARTBEATS, Registry, RegistryError, Snapshot

_log = structlog.get_logger()


class FleetView:
    """The last known fleet.

    While the registry is away, nobody leaves it. When it is back, or has forgotten what it knew, those who were known
    have as long to register again as a record lives. While nobody is known at all, the seed is.

    Args:
        seed: Address of the worker that the settings name.
        heartbeat_s: How often workers write their record.
        clock: Seconds, monotonic.
    """

    def __init__(self, seed: str, heartbeat_s: float, clock: Callable[[], float]) -> None:
        self._seed = Member.seed(seed)
        self._grace_s = TTL_HEARTBEATS * heartbeat_s
        self._clock = clock
        self._members: dict[str, Member] = {}
        self._epoch: str | None = None
        self._lost = False
        self._forgive_until = 0.0

    @property
    def members(self) -> Sequence[Member]:
        """The fleet; at least the seed."""
        return list(self._members.values()) or [self._seed]

    def take(self, snapshot: Snapshot) -> None:
        """The registry has answered."""
        now = self._clock()
        if self._lost or self._epoch not in (None, snapshot.epoch):
            self._forgive_until = now + self._grace_s
        self._lost, self._epoch = False, snapshot.epoch
        fresh = {record.name: self._member(record) for record in snapshot.workers}
        if now < self._forgive_until:
            fresh = self._members | fresh
        self._tell(fresh)
        self._members = fresh

    def lose(self) -> None:
        """The registry has not answered."""
        self._lost = True

    def _member(self, record: WorkerRecord) -> Member:
        known = self._members.get(record.name)
        if known is None or known.address != record.address:
            return Member(record)
        known.update(record)
        return known

    def _tell(self, fresh: dict[str, Member]) -> None:
        for name in fresh.keys() - self._members.keys():
            _log.info("worker joined", worker=name, address=fresh[name].address)
        for name in self._members.keys() - fresh.keys():
            _log.info("worker left", worker=name)


async def follow(
    registry: Registry, view: FleetView, every_s: float, on_change: Callable[[Iterable[Member]], None]
) -> None:
    """Keep `view` as the registry is, for as long as this runs; an outage is logged once, and its end."""
    lost = False
    while True:
        try:
            view.take(await registry.snapshot())
        except RegistryError as error:
            view.lose()
            if not lost:
                _log.warning("registry lost; the last known workers are used", reason=str(error))
            lost = True
        else:
            if lost:
                _log.info("registry is back")
            lost = False
        on_change(view.members)
        await asyncio.sleep(every_s)
