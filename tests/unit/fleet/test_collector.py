from __future__ import annotations

from math import isnan

import pytest
from prometheus_client import CollectorRegistry

from voicechat.fleet.member import Member
from voicechat.fleet.metrics import FleetCollector
from voicechat.fleet.record import WorkerRecord


def worker(name: str, active: int, *, draining: bool = False) -> Member:
    return Member(WorkerRecord(name=name, address=f"{name}:7001", capacity=4, active=active, draining=draining))


def shown(*members: Member, places: int | None) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(FleetCollector(lambda: members, lambda: places))
    return {sample.name: sample.value for family in registry.collect() for sample in family.samples}


def test_workers_that_speak_and_that_wait_are_told_apart() -> None:
    found = shown(worker("a", 3), worker("b", 0), worker("c", 1, draining=True), places=8)
    assert (found["workers_active"], found["workers_idle"]) == (1, 1)
    assert found["worker_utilization_percent"] == pytest.approx(37.5)


def test_no_more_places_are_taken_than_there_are_however_many_wait() -> None:
    assert shown(worker("a", 15), places=4)["worker_utilization_percent"] == 100


def test_without_a_word_of_its_places_nobody_knows_how_full_a_fleet_is() -> None:
    assert isnan(shown(Member.seed("tts:7001"), places=None)["worker_utilization_percent"])
