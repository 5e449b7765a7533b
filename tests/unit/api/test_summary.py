from __future__ import annotations

from math import inf

import pytest
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from voicechat.api.measured import ConversationMetrics
from voicechat.api.ops import create_ops_app, health_of
from voicechat.api.services import Services
from voicechat.api.summary import quantile, summary
from voicechat.fleet.metrics import FleetMetrics
from voicechat.fleet.port import VoiceError
from voicechat.observability.sla import Sla

NAMES = {
    *("synthesis_total", "synthesis_errors", "synthesis_active", "synthesis_queue_depth"),
    *("synthesis_latency_p50_ms", "synthesis_latency_p95_ms", "synthesis_latency_p99_ms"),
    *("workers_active", "workers_idle", "worker_utilization_percent", "worker_tasks_total", "worker_errors"),
    *("sessions_active", "session_barge_in_p95_ms", "sla_violations", "sla_compliance_percent"),
}


def test_without_data_figures_are_null() -> None:
    assert summary([]) == dict.fromkeys(NAMES)


def test_figures_are_over_all_labels() -> None:
    registry = CollectorRegistry()
    metrics = FleetMetrics(registry, ["a"])
    for model in ("a", "b"):
        with pytest.raises(VoiceError), metrics.reply(model):
            raise VoiceError("UNAVAILABLE", "no worker was reached")
        metrics.latency.labels(model).observe(0.09)
    figures = summary(registry.collect())
    assert (figures["synthesis_total"], figures["synthesis_errors"]) == (2, 2)
    assert (figures["sla_violations"], figures["sla_compliance_percent"]) == (2, 0)
    assert figures["synthesis_latency_p50_ms"] == 90.0


def test_an_interruption_counts_from_when_it_is_silent() -> None:
    registry = CollectorRegistry()
    metrics = ConversationMetrics(registry, Sla(registry))
    metrics.ducked(0.9)
    metrics.silenced(0.009)
    assert summary(registry.collect())["session_barge_in_p95_ms"] == pytest.approx(9.8, abs=0.1)


def test_quantiles_are_those_of_prometheus() -> None:
    buckets = {0.1: 2.0, 0.2: 2.0, 0.4: 4.0, inf: 5.0}
    assert quantile(buckets, 0.2) == pytest.approx(0.05)
    assert quantile(buckets, 0.6) == pytest.approx(0.3)
    assert quantile(buckets, 0.99) == 0.4
    assert quantile({0.1: 0.0, inf: 0.0}, 0.5) is None


def test_the_summary_is_served(services: Services) -> None:
    app = create_ops_app(services, health_of(services), lambda: 101.5)
    with TestClient(app, base_url="http://127.0.0.1:8081") as ops:
        body = ops.get("/metrics/summary").json()
    assert (body["status"], body["uptime_seconds"]) == ("ok", 1.5)
    assert set(body["metrics"]) == NAMES
    assert body["metrics"]["sessions_active"] == 0


def test_metrics_come_as_open_metrics_to_who_asks(services: Services) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    with TestClient(create_ops_app(services, health_of(services)), base_url="http://127.0.0.1:8081") as ops:
        plain, opened = ops.get("/metrics"), ops.get("/metrics", headers=accept)
    assert plain.headers["content-type"].startswith("text/plain")
    assert opened.headers["content-type"].startswith("application/openmetrics-text")
    assert opened.text.endswith("# EOF\n")
