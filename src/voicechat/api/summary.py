"""The metrics as people ask for them: a few figures, in JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from math import inf, isnan

from prometheus_client.metrics_core import Metric

Figure = int | float | None

_SUMS = {
    "synthesis_total": "synthesis_total",
    "synthesis_errors": "synthesis_errors_total",
    "synthesis_active": "synthesis_active",
    "synthesis_queue_depth": "synthesis_queue_depth",
    "workers_active": "workers_active",
    "workers_idle": "workers_idle",
    "worker_utilization_percent": "worker_utilization_percent",
    "worker_tasks_total": "worker_tasks_total",
    "worker_errors": "worker_errors_total",
    "sessions_active": "sessions_active",
    "sla_violations": "sla_violations_total",
    "sla_compliance_percent": "sla_compliance_percent",
}
_LEFT_OUT = ("duck",)
"""Stages that are no part of a figure: a reply that is quieter is not silent yet."""
_QUANTILES = {
    "synthesis_latency_p50_ms": ("synthesis_latency_seconds", 0.5),
    "synthesis_latency_p95_ms": ("synthesis_latency_seconds", 0.95),
    "synthesis_latency_p99_ms": ("synthesis_latency_seconds", 0.99),
    "session_barge_in_p95_ms": ("barge_in_latency_seconds", 0.95),
}


def summary(metrics: Iterable[Metric]) -> dict[str, Figure]:
    """The figures since the process began, over all labels; None where there are no data yet."""
    sums: dict[str, float] = {}
    buckets: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for metric in metrics:
        for sample in metric.samples:
            if sample.labels.get("stage") in _LEFT_OUT:
                continue
            if sample.name.endswith("_bucket"):
                buckets[metric.name][float(sample.labels["le"])] += sample.value
            else:
                sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
    figures = {name: _shown(sums.get(source)) for name, source in _SUMS.items()}
    for name, (source, rank) in _QUANTILES.items():
        seconds = quantile(buckets[source], rank)
        figures[name] = None if seconds is None else round(seconds * 1000, 1)
    return figures


def quantile(cumulative: dict[float, float], rank: float) -> float | None:
    """As Prometheus has it: linear within a bucket; the highest finite bound for what lies beyond. None if empty."""
    bounds = sorted(cumulative)
    if not bounds or not cumulative[bounds[-1]]:
        return None
    wanted = rank * cumulative[bounds[-1]]
    low, below = 0.0, 0.0
    for bound in bounds:
        count = cumulative[bound]
        if count >= wanted and count > below:
            return low if bound == inf else low + (bound - low) * (wanted - below) / (count - below)
        low, below = bound, count
    return None


def _shown(value: float | None) -> Figure:
    if value is None or isnan(value):
        return None
    return int(value) if value.is_integer() else round(value, 3)
