from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from voicechat.fleet.record import WorkerRecord
from voicechat.launch.top import Sight, screen, turn_stages

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
