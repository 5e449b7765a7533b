from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from support.virtual_time import run

from voicechat.fleet.affinity import Affinity
from voicechat.fleet.announcer import Announcer
from voicechat.fleet.breaker import LONGEST_S, TRIAL_S, Breaker
from voicechat.fleet.member import Member
from voicechat.fleet.record import WorkerRecord, parse_record
from voicechat.fleet.registry import MemoryRegistry, RegistryError, Snapshot
from voicechat.fleet.view import FleetView, follow


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def view(clock: Clock) -> FleetView:
    return FleetView("seed:7001", 2.0, clock)


def record(name: str, **fields: object) -> WorkerRecord:
    return WorkerRecord.model_validate({"name": name, "address": f"{name}:7001", "instance": "1", **fields})


def seen(*names: str, epoch: str = "e") -> Snapshot:
    return Snapshot(tuple(map(record, names)), epoch)


def names(view: FleetView) -> Sequence[str]:
    return [member.name for member in view.members]


def test_the_seed_serves_until_a_worker_is_known(view: FleetView) -> None:
    assert names(view) == ["seed:7001"]
    view.take(seen("a", "b"))
    assert names(view) == ["a", "b"]
    view.take(seen())
    assert names(view) == ["seed:7001"]


def test_who_leaves_an_answering_registry_is_gone_at_once(view: FleetView) -> None:
    view.take(seen("a", "b"))
    view.take(seen("b"))
    assert names(view) == ["b"]


def test_while_the_registry_is_away_nobody_leaves(view: FleetView, clock: Clock) -> None:
    view.take(seen("a", "b"))
    clock.now_s = 60
    view.lose()
    assert names(view) == ["a", "b"]


@pytest.mark.parametrize("noticed", [True, False])
def test_a_registry_that_forgot_everybody_is_given_time_to_learn_it_again(
    view: FleetView, clock: Clock, noticed: bool
) -> None:
    view.take(seen("a", "b"))
    if noticed:
        view.lose()
    view.take(seen(epoch="e" if noticed else "another"))
    assert names(view) == ["a", "b"]
    clock.now_s += 3
    view.take(seen("b", "c", epoch="another"))
    assert set(names(view)) == {"a", "b", "c"}
    clock.now_s += 10
    view.take(seen("b", "c", epoch="another"))
    assert set(names(view)) == {"b", "c"}


def test_a_worker_that_moved_is_another_one(view: FleetView) -> None:
    view.take(seen("a"))
    (before,) = view.members
    view.take(Snapshot((record("a", address="elsewhere:1"),), "e"))
    (after,) = view.members
    assert after is not before and after.address == "elsewhere:1"


class Failing(MemoryRegistry):
    away = False

    async def snapshot(self) -> Snapshot:
        self._check()
        return await super().snapshot()

    async def announce(self, record: WorkerRecord, ttl_s: float) -> None:
        self._check()
        await super().announce(record, ttl_s)

    async def recall(self, session: str) -> str | None:
        self._check()
        return await super().recall(session)

    def _check(self) -> None:
        if self.away:
            raise RegistryError("away")


def test_a_minute_without_registry_changes_nothing_and_both_sides_find_it_again() -> None:
    async def main() -> list[list[str]]:
        loop = asyncio.get_running_loop()
        registry = Failing(loop.time)
        view = FleetView("seed:1", 2.0, loop.time)
        changes: list[Member] = []

        async def describe() -> WorkerRecord:
            return record("a")

        announcer = Announcer(registry, describe, 2.0)
        tasks = [
            asyncio.ensure_future(announcer.beat()),
            asyncio.ensure_future(follow(registry, view, 1.0, changes.extend)),
        ]
        states = []
        for is_away in (False, True, False):
            registry.away = is_away
            for _ in range(12):
                await asyncio.sleep(5)
                states.append([*names(view), str(announcer.registered)])
        for task in tasks:
            task.cancel()
        return states

    states = run(main())
    assert states == [["a", "True"]] * 12 + [["a", "False"]] * 12 + [["a", "True"]] * 12


def test_a_worker_that_crashed_leaves_after_three_heartbeats() -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        registry = MemoryRegistry(loop.time)
        await registry.announce(record("a"), 6.0)
        known = []
        for _ in range(3):
            known.append(len((await registry.snapshot()).workers))
            await asyncio.sleep(3.1)
        return known

    assert run(main()) == [1, 1, 0]


def test_leave_is_taken_at_once_and_for_good() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        registry = MemoryRegistry(loop.time)

        async def describe() -> WorkerRecord:
            return record("a")

        announcer = Announcer(registry, describe, 2.0)
        beating = asyncio.ensure_future(announcer.beat())
        await asyncio.sleep(1)
        await announcer.leave()
        await asyncio.sleep(5)
        beating.cancel()
        return len((await registry.snapshot()).workers)

    assert run(main()) == 0


async def test_a_worker_does_not_take_another_lifes_place_away(clock: Clock) -> None:
    registry = MemoryRegistry(clock)
    await registry.announce(record("a", instance="2"), 6.0)
    await registry.withdraw(record("a", instance="1"))
    assert len((await registry.snapshot()).workers) == 1


def test_what_is_no_record_is_left_out_and_what_is_newer_is_read() -> None:
    assert parse_record(b"{") is None and parse_record(b'{"name": "a"}') is None
    newer = parse_record('{"name": "a", "address": "b:1", "colour": "red"}')
    assert newer is not None and newer.name == "a"


def test_sessions_are_remembered_for_other_orchestrators() -> None:
    async def main() -> tuple[str | None, str | None, str | None]:
        registry = Failing(asyncio.get_running_loop().time)
        mine, others = Affinity(registry), Affinity(registry)
        mine.spoke("s", "a")
        writing = asyncio.ensure_future(mine.write())
        await asyncio.sleep(0.1)
        writing.cancel()
        found = await others.worker_of("s")
        registry.away = True
        return found, await others.worker_of("t"), await others.worker_of("s")

    assert run(main()) == ("a", None, "a")


def test_a_breaker_lets_one_reply_try_after_ever_longer_rests(clock: Clock) -> None:
    breaker = Breaker(clock, lambda: 0.5)
    assert breaker.allows
    rests: list[float] = []
    for _ in range(8):
        breaker.failed()
        assert not breaker.allows
        began = clock.now_s
        while not breaker.allows:
            clock.now_s += 0.5
        rests.append(clock.now_s - began)
        breaker.tried()
        assert not breaker.allows
    assert rests == [1, 2, 4, 8, 16, LONGEST_S, LONGEST_S, LONGEST_S]
    breaker.answered()
    assert breaker.allows
    breaker.succeeded()
    breaker.failed()
    clock.now_s += 1
    assert breaker.allows


def test_replies_that_break_off_together_are_one_failure(clock: Clock) -> None:
    breaker = Breaker(clock, lambda: 0.5)
    for _ in range(8):
        breaker.failed()
    clock.now_s += 1
    assert breaker.allows


def test_a_trial_that_nobody_hears_of_is_forgotten(clock: Clock) -> None:
    breaker = Breaker(clock, lambda: 0.5)
    breaker.failed()
    clock.now_s += 2
    breaker.tried()
    clock.now_s += TRIAL_S
    assert breaker.allows
