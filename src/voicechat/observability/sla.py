"""How many of the newest requests kept their promise."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from math import nan
from threading import Lock

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

SYNTHESIS_S = 0.3
"""From a reply's first segment to its first audio."""
WINDOW_S = 300.0
NEWEST = 1000
"""Requests that are looked at, at most."""


class Sla(Collector):
    """Counts violations, and shows the share of requests that were within `objective_s`; failures count against.

    Args:
        objective: Its name, a label.
        objective_s: The promise, seconds.
        registry: Where it is shown.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        objective: str,
        objective_s: float,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        counter = Counter("sla_violations", "Requests that missed their objective", ["objective"], registry=registry)
        self._violations = counter.labels(objective)
        self._objective_s = objective_s
        self._clock = clock
        self._kept: deque[tuple[float, bool]] = deque(maxlen=NEWEST)
        # Prometheus asks on another thread.
        self._lock = Lock()
        registry.register(self)

    def took(self, seconds: float) -> None:
        """A request was served."""
        self._note(kept=seconds <= self._objective_s)

    def failed(self) -> None:
        """A request was not."""
        self._note(kept=False)

    def compliance_percent(self) -> float:
        """Of the requests of the last five minutes; NaN where there were none."""
        oldest_s = self._clock() - WINDOW_S
        with self._lock:
            recent = [kept for at_s, kept in self._kept if at_s >= oldest_s]
        return 100 * sum(recent) / len(recent) if recent else nan

    def collect(self) -> Iterable[Metric]:
        """`sla_compliance_percent`."""
        value = self.compliance_percent()
        yield GaugeMetricFamily("sla_compliance_percent", "Requests within their objective, last 5 min", value=value)

    def _note(self, *, kept: bool) -> None:
        with self._lock:
            self._kept.append((self._clock(), kept))
        if not kept:
            self._violations.inc()
