"""What `/metrics` shows beside the process's own registry."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from importlib.metadata import version

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class OrchestratorCollector(Collector):
    """Reads what the process knows at the moment it is asked."""

    def __init__(self, active_sessions: Callable[[], int]) -> None:
        self._active_sessions = active_sessions

    def collect(self) -> Iterable[Metric]:
        """`voicechat_build_info` and `sessions_active`."""
        build = {"version": version("voicechat"), "python": platform.python_version()}
        yield InfoMetricFamily("voicechat_build", "What runs here.", value=build)
        yield GaugeMetricFamily("sessions_active", "Conversations held now.", value=self._active_sessions())


def exposition(active_sessions: Callable[[], int]) -> Callable[[], bytes]:
    """What makes the text that Prometheus scrapes."""
    registry = CollectorRegistry()
    registry.register(OrchestratorCollector(active_sessions))
    return lambda: generate_latest(REGISTRY) + generate_latest(registry)
