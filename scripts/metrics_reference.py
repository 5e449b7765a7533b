"""Every metric of every process, as the code that makes them describes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

OF_THE_LIBRARY = ("process_", "python_")
"""What `prometheus_client` shows of every process."""


@dataclass(frozen=True, slots=True)
class Described:
    """A metric. `name` as it is asked for, without a histogram's `_bucket`, `_sum` and `_count`."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


def processes() -> dict[str, list[Described]]:
    """The metrics by the process that shows them."""
    return {
        "Orchestrator, `:8081/metrics`": described(_orchestrator()),
        "Worker, `:9090/metrics`": described(_worker()),
        "Probe, `:9096/metrics`": described(_probe()),
    }


def _orchestrator() -> CollectorRegistry:
    from voicechat.api.measured import ConversationMetrics
    from voicechat.api.metrics import Now, OrchestratorCollector
    from voicechat.fleet.metrics import FleetCollector, FleetMetrics
    from voicechat.observability.rejections import Rejections
    from voicechat.observability.sla import Sla

    registry = CollectorRegistry()
    sla = Sla(registry)
    FleetMetrics(registry, sla=sla)
    ConversationMetrics(registry, sla)
    Rejections(registry)
    registry.register(FleetCollector(lambda: (), lambda: None))
    parts = {"redis": True, "worker": True}
    registry.register(OrchestratorCollector(Now(sessions=0, load=0.0, tasks=0, ready=True, parts=parts)))
    return registry


def _worker() -> CollectorRegistry:
    from voicechat.tts.metrics import WorkerMetrics

    return WorkerMetrics(CollectorRegistry()).registry


def _probe() -> CollectorRegistry:
    from voicechat.client.probe_metrics import ProbeMetrics

    return ProbeMetrics(CollectorRegistry()).registry


def described(registry: CollectorRegistry) -> list[Described]:
    """What a registry shows, by name."""
    # The library tells the labels of a metric that has not been used to nobody else.
    collectors: list[Collector] = list(registry._collector_to_names)
    found = {one.name: one for collector in collectors for one in _of(collector)}
    return [found[name] for name in sorted(found) if not name.startswith(OF_THE_LIBRARY)]


def _of(collector: Collector) -> Iterator[Described]:
    for metric in collector.collect():
        known = getattr(collector, "_labelnames", None)
        labels = known if known is not None else _seen(metric)
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        name = f"{name}_info" if metric.type == "info" else name
        yield Described(name, metric.type, tuple(labels), metric.documentation)


def _seen(metric: Metric) -> list[str]:
    return sorted({label for sample in metric.samples for label in sample.labels})
