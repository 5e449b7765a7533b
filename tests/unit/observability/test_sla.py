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
    sla = Sla(registry, Clock())
    synthesis = sla.objective("synthesis", 0.3)
    for seconds in (0.1, 0.3, 0.301):
        synthesis.took(seconds)
    synthesis.failed()
    assert sla.compliance_percent() == 50
    text = generate_latest(registry).decode()
    assert 'sla_violations_total{objective="synthesis"} 2.0' in text
    assert "sla_compliance_percent 50.0" in text


def test_each_request_is_judged_by_its_own_promise_and_they_count_together() -> None:
    registry = CollectorRegistry()
    sla = Sla(registry, Clock())
    synthesis, barge_in = sla.objective("synthesis", 0.3), sla.objective("barge_in", 0.05)
    assert 'sla_violations_total{objective="barge_in"} 0.0' in generate_latest(registry).decode()
    synthesis.took(0.2)
    barge_in.took(0.2)
    assert sla.compliance_percent() == 50
    text = generate_latest(registry).decode()
    assert 'sla_violations_total{objective="barge_in"} 1.0' in text
    assert 'sla_violations_total{objective="synthesis"} 0.0' in text


def test_only_the_last_five_minutes_count_and_without_requests_nothing_is_said() -> None:
    clock = Clock()
    sla = Sla(CollectorRegistry(), clock)
    synthesis = sla.objective("synthesis", 0.3)
    assert isnan(sla.compliance_percent())
    synthesis.failed()
    clock.now_s = WINDOW_S
    synthesis.took(0.1)
    assert sla.compliance_percent() == 50
    clock.now_s += 0.1
    assert sla.compliance_percent() == 100
    clock.now_s += WINDOW_S
    assert isnan(sla.compliance_percent())


def test_only_the_newest_requests_count() -> None:
    sla = Sla(CollectorRegistry(), Clock())
    synthesis = sla.objective("synthesis", 0.3)
    synthesis.failed()
    for _ in range(NEWEST):
        synthesis.took(0.1)
    assert sla.compliance_percent() == 100
