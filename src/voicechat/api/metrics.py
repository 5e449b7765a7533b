"""What `/metrics` shows beside the process's own registry."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from importlib.metadata import version

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
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


class Shown(Collector):
    """Everything that this process shows: its own registry, and what is read when somebody asks."""

    def __init__(self, active_sessions: Callable[[], int]) -> None:
        self._collectors = (REGISTRY, OrchestratorCollector(active_sessions))

    def collect(self) -> Iterable[Metric]:
        """Every metric."""
        for collector in self._collectors:
            yield from collector.collect()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The text for who accepts `accept`, and its type; exemplars come with OpenMetrics only."""
        encode, content_type = choose_encoder(accept)
        registry = CollectorRegistry()
        registry.register(self)
        return encode(registry), content_type
