from __future__ import annotations

import io
from typing import Any

import httpx
import pytest
from rich.console import Console

from voicechat.fleet.record import WorkerRecord
from voicechat.launch.top import Sight, TopError, look, screen, turn_stages

EXPOSITION = """\
# TYPE voicechat_turn_latency_seconds histogram
voicechat_turn_latency_seconds_bucket{le="1.0",stage="total"} 4.0
voicechat_turn_latency_seconds_bucket{le="+Inf",stage="total"} 4.0
voicechat_turn_latency_seconds_count{stage="total"} 4.0
voicechat_turn_latency_seconds_sum{stage="total"} 3.0
"""
WORKER = WorkerRecord(name="tts0", address="tts0:7001", capacity=9, active=2)


def shown(sight: Sight, before: Sight | None = None) -> str:
    out = io.StringIO()
    Console(file=out, width=140).print(screen(sight, before, "http://ops"))
    return out.getvalue()


def sight(uptime_s: float = 3725.0, stages: Any = None, problem: str = "", **figures: float | None) -> Sight:
    return Sight(dict(figures), uptime_s, stages or {}, (WORKER,), problem)


def answering(workers: dict[str, Any]) -> httpx.AsyncClient:
    """A client of an orchestrator that knows these workers."""
    told: dict[str, httpx.Response] = {
        "/metrics/summary": httpx.Response(200, json={"metrics": {"sessions_active": 3}, "uptime_seconds": 60.0}),
        "/metrics": httpx.Response(200, text=EXPOSITION),
        "/workers": httpx.Response(503 if "error" in workers else 200, json=workers),
    }
    return httpx.AsyncClient(transport=httpx.MockTransport(lambda request: told[request.url.path]))


async def test_the_orchestrator_tells_of_the_fleet_wherever_the_workers_listen() -> None:
    async with answering({"workers": [WORKER.model_dump(mode="json")]}) as client:
        seen = await look(client, "http://ops")
    assert (seen.workers, seen.figures, seen.stages) == ((WORKER,), {"sessions_active": 3}, {"total": (3.0, 4.0)})


async def test_a_worker_that_does_not_answer_is_told_beside_the_figures() -> None:
    async with answering({"workers": [], "error": "no worker was reached"}) as client:
        seen = await look(client, "http://ops")
    assert (seen.workers, seen.problem) == ((), "no worker was reached")


async def test_what_is_no_orchestrator_is_said_with_its_address() -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(404))) as client:
        with pytest.raises(TopError, match="http://ops.*--url"):
            await look(client, "http://ops")


def test_metrics_tell_the_stages_of_turns() -> None:
    assert turn_stages(EXPOSITION) == {"total": (3.0, 4.0)}


def test_one_look_shows_sessions_latencies_errors_and_workers() -> None:
    text = shown(
        sight(sessions_active=3, synthesis_latency_p95_ms=82.4, synthesis_errors=1, sla_compliance_percent=99.5)
    )
    for words in ("up 1:02:05", "82 ms", "99.5 %", "tts0:7001", "2/9"):
        assert words in text


def test_what_is_not_known_yet_is_a_dash() -> None:
    assert "-" in shown(sight(synthesis_latency_p95_ms=None))


def test_a_second_look_shows_how_fast_counts_grow() -> None:
    before, now = sight(10.0, synthesis_total=10), sight(12.0, synthesis_total=15)
    assert "15 (2.5/s)" in shown(now, before)


def test_stages_are_those_of_the_turns_since_the_last_look() -> None:
    before, now = sight(stages={"total": (3.0, 4.0)}), sight(stages={"total": (3.5, 5.0)})
    assert "750 ms" in shown(before)
    assert "500 ms" in shown(now, before)
    assert "700 ms" in shown(now, sight(stages={"total": (3.5, 5.0)}))


def test_a_fleet_that_cannot_be_asked_says_why() -> None:
    assert "registry is away" in shown(sight(problem="the registry is away"))
