"""What `/metrics` shows beside the process's own registry."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True)
class Now:
    """A process at the moment it is asked.

    Attributes:
        sessions: Conversations held.
        load: How busy it is: 0 idle, 1 or more when it takes no conversation.
        tasks: Tasks on its event loop.
        ready: Whether new work may come.
        parts: Which of the parts that are configured answer.
    """

    sessions: int
    load: float
    tasks: int
    ready: bool
    parts: Mapping[str, bool] = field(default_factory=dict)


class OrchestratorCollector(Collector):
    """Shows a process as it is `now`."""

    def __init__(self, now: Now) -> None:
        self._now = now

    def collect(self) -> Iterable[Metric]:
        """What the build is, and what `Now` holds."""
        now = self._now
        build = {"version": version("voicechat"), "python": platform.python_version()}
        yield InfoMetricFamily("voicechat_build", "What runs here", value=build)
        yield GaugeMetricFamily("sessions_active", "Conversations held now", value=now.sessions)
        yield GaugeMetricFamily(
            "voicechat_load", "How busy the process is: at 1 it takes no conversation", value=now.load
        )
        yield GaugeMetricFamily(
            "voicechat_loop_tasks",
            "Tasks on the event loop; with as many conversations as before, no more than before",
            value=now.tasks,
        )
        yield GaugeMetricFamily(
            "voicechat_ready", "1 while new work may come: models loaded, not draining, a worker there", value=now.ready
        )
        parts = GaugeMetricFamily(
            "voicechat_part_up", "1 where a part that is configured (redis, worker) answers, else 0", labels=["part"]
        )
        for part, is_up in now.parts.items():
            parts.add_metric([part], is_up)
        yield parts


class Shown(Collector):
    """Everything that this process shows: its own registry, and how it is `now`."""

    def __init__(self, now: Now) -> None:
        self._collectors = (REGISTRY, OrchestratorCollector(now))

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
