from __future__ import annotations

from math import isnan

from prometheus_client import CollectorRegistry, generate_latest

from voicechat.observability.sla import NEWEST, WINDOW_S, Sla


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_late_and_failed_requests_count_against_the_promise() -> None:
    registry = CollectorRegistry()
    sla = Sla("synthesis", 0.3, registry, Clock())
    for seconds in (0.1, 0.3, 0.301):
        sla.took(seconds)
    sla.failed()
    assert sla.compliance_percent() == 50
    text = generate_latest(registry).decode()
    assert 'sla_violations_total{objective="synthesis"} 2.0' in text
    assert "sla_compliance_percent 50.0" in text


def test_only_the_last_five_minutes_count_and_without_requests_nothing_is_said() -> None:
    clock = Clock()
    sla = Sla("synthesis", 0.3, CollectorRegistry(), clock)
    assert isnan(sla.compliance_percent())
    sla.failed()
    clock.now_s = WINDOW_S
    sla.took(0.1)
    assert sla.compliance_percent() == 50
    clock.now_s += 0.1
    assert sla.compliance_percent() == 100
    clock.now_s += WINDOW_S
    assert isnan(sla.compliance_percent())


def test_only_the_newest_requests_count() -> None:
    sla = Sla("synthesis", 0.3, CollectorRegistry(), Clock())
    sla.failed()
    for _ in range(NEWEST):
        sla.took(0.1)
    assert sla.compliance_percent() == 100
