from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from voicechat.api.health import Check, HealthMonitor, followed
from voicechat.api.lifecycle import Lifecycle, Phase
from voicechat.api.loading import DeferredFactory
from voicechat.api.ops import create_ops_app, health_of
from voicechat.api.services import Services
from voicechat.api.watchdog import STUCK_AFTER_S, Heartbeat
from voicechat.conversation.fake_conversation import DEFAULT_CONFIG, FakeFactory
from voicechat.conversation.port import CommandRefused
from voicechat.fleet.fake import FakeFleet
from voicechat.fleet.port import VoiceError


class Clock:
    now_s = 101.5

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ops(services: Services, clock: Clock) -> Iterator[TestClient]:
    app = create_ops_app(services, health_of(services, clock), clock)
    with TestClient(app, base_url="http://127.0.0.1:8081") as client:
        yield client


def test_a_healthy_process_says_so(ops: TestClient) -> None:
    answer = ops.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "healthy",
        "uptime_seconds": 1.5,
        "redis": None,
        "worker": True,
        "checks": {"redis": None, "worker": {"ok": True, "error": None}},
    }


def test_a_lost_worker_is_unhealthy_and_unready(ops: TestClient, fleet: FakeFleet, services: Services) -> None:
    services.lifecycle.move(Phase.SERVING)
    fleet.refuse_with = VoiceError("UNAVAILABLE", "no worker was reached")
    for path in ("/health", "/readiness"):
        answer = ops.get(path)
        assert (answer.status_code, answer.json()["status"], answer.json()["worker"]) == (503, "unhealthy", False)
        assert answer.json()["checks"]["worker"] == {"ok": False, "error": "no worker was reached"}


def test_metrics_tell_which_parts_answered_last_and_whether_work_may_come(
    ops: TestClient, fleet: FakeFleet, services: Services, clock: Clock
) -> None:
    services.lifecycle.move(Phase.SERVING)
    ops.get("/health")
    well = ops.get("/metrics").text
    assert 'voicechat_part_up{part="worker"} 1.0' in well
    assert "voicechat_ready 1.0" in well
    assert 'part="redis"' not in well, "what is not configured is not down"
    fleet.refuse_with = VoiceError("UNAVAILABLE", "no worker was reached")
    clock.now_s += 1.0
    ops.get("/health")
    ill = ops.get("/metrics").text
    assert 'voicechat_part_up{part="worker"} 0.0' in ill
    assert "voicechat_ready 0.0" in ill


def test_the_workers_are_told_or_why_not(ops: TestClient, fleet: FakeFleet) -> None:
    fleet.capacity = 9
    (worker,) = ops.get("/workers").json()["workers"]
    assert (worker["name"], worker["capacity"]) == ("fake", 9)
    assert "instance" not in worker
    fleet.refuse_with = VoiceError("UNAVAILABLE", "no worker was reached")
    answer = ops.get("/workers")
    assert (answer.status_code, answer.json()) == (503, {"workers": [], "error": "no worker was reached"})


def test_answers_are_remembered_for_a_second(ops: TestClient, fleet: FakeFleet, clock: Clock) -> None:
    assert ops.get("/health").status_code == 200
    fleet.refuse_with = VoiceError("UNAVAILABLE", "gone")
    assert ops.get("/health").status_code == 200
    clock.now_s += 1.0
    assert ops.get("/health").status_code == 503


def test_a_process_that_loads_or_drains_is_not_ready_but_alive(ops: TestClient, services: Services) -> None:
    statuses = [ops.get("/readiness").status_code]
    for phase in (Phase.SERVING, Phase.DRAINING):
        services.lifecycle.move(phase)
        statuses.append(ops.get("/readiness").status_code)
    assert statuses == [503, 200, 503]
    assert ops.get("/liveness").json() == {"status": "alive", "uptime_seconds": 1.5}


def test_a_lost_redis_is_unhealthy_but_ready(services: Services, clock: Clock) -> None:
    async def probe() -> None:
        raise ConnectionRefusedError("nobody listens")

    services = replace(services, redis=probe)
    services.lifecycle.move(Phase.SERVING)
    app = create_ops_app(services, health_of(services, clock), clock)
    with TestClient(app, base_url="http://127.0.0.1:8081") as ops:
        answer = ops.get("/health")
        assert (answer.status_code, answer.json()["redis"]) == (503, False)
        assert ops.get("/readiness").status_code == 200


async def test_a_part_that_does_not_answer_fails_its_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicechat.api.health.CHECK_TIMEOUT_S", 0.0)
    checks = await HealthMonitor({"worker": asyncio.Event().wait}).checks()
    assert checks["worker"] == Check(False, "no answer within 0 s")


async def test_parts_are_asked_once_however_many_want_to_know() -> None:
    asked = []

    async def probe() -> None:
        asked.append(1)

    monitor = HealthMonitor({"worker": probe})
    await asyncio.gather(*(monitor.checks() for _ in range(10)))
    assert asked == [1]


async def test_parts_are_asked_again_and_again_for_who_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicechat.api.health.FOLLOWED_EVERY_S", 0)
    asked = asyncio.Semaphore(0)

    async def probe() -> None:
        asked.release()

    a_second_each_time = itertools.count().__next__
    monitor = HealthMonitor({"worker": probe}, a_second_each_time)
    async with followed(monitor):
        for _ in range(3):
            await asked.acquire()
    assert monitor.last["worker"] == Check(True, None)


def test_metrics_name_the_build_and_the_sessions(ops: TestClient) -> None:
    text = ops.get("/metrics").text
    assert 'voicechat_build_info{python="' in text
    assert "sessions_active 0.0" in text


def test_a_process_does_not_go_back() -> None:
    lifecycle = Lifecycle()
    lifecycle.move(Phase.DRAINING)
    with pytest.raises(ValueError, match="draining cannot become serving"):
        lifecycle.move(Phase.SERVING)


async def test_conversations_wait_for_the_models_and_end_with_the_drain() -> None:
    factory = DeferredFactory()
    with pytest.raises(CommandRefused, match="loading"):
        await factory.open(DEFAULT_CONFIG)
    factory.provide(FakeFactory())
    await factory.open(factory.default_config())
    factory.withdraw()
    assert factory.active == 1
    with pytest.raises(CommandRefused, match="shutting down"):
        await factory.open(DEFAULT_CONFIG)


def test_a_silent_loop_is_stuck() -> None:
    clock = Clock()
    heart = Heartbeat(clock)
    clock.now_s += STUCK_AFTER_S
    assert not heart.is_stuck()
    clock.now_s += 0.1
    assert heart.is_stuck()
    heart.beat()
    assert not heart.is_stuck()
