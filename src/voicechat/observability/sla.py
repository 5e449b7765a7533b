"""How many of the newest requests kept their promise."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import nan
from threading import Lock

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

SYNTHESIS_S = 0.3
"""From a reply's first segment to its first audio."""
BARGE_IN_S = 0.05
"""From the decision that a person speaks over the reply to the last audible sample sent."""
WINDOW_S = 300.0
NEWEST = 1000
"""Requests that are looked at, at most."""


class Sla(Collector):
    """Counts violations by objective, and shows the share of all requests that kept theirs; failures count against.

    Args:
        registry: Where it is shown.
        clock: Seconds, monotonic.
    """

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic) -> None:
        self._violations = Counter(
            "sla_violations", "Requests that missed their objective, or failed", ["objective"], registry=registry
        )
        self._clock = clock
        self._kept: deque[tuple[float, bool]] = deque(maxlen=NEWEST)
        # Prometheus asks on another thread.
        self._lock = Lock()
        registry.register(self)

    def objective(self, name: str, seconds: float) -> Objective:
        """A promise to judge requests by; `name` is the label of its violations."""
        self._violations.labels(name)
        return Objective(name, seconds, self._note)

    def compliance_percent(self) -> float:
        """Of the requests of the last five minutes; NaN where there were none."""
        oldest_s = self._clock() - WINDOW_S
        with self._lock:
            recent = [kept for at_s, kept in self._kept if at_s >= oldest_s]
        return 100 * sum(recent) / len(recent) if recent else nan

    def collect(self) -> Iterable[Metric]:
        """`sla_compliance_percent`."""
        yield GaugeMetricFamily(
            "sla_compliance_percent",
            "Requests within their objective, of the last 5 minutes (the newest 1000 at most); NaN without any",
            value=self.compliance_percent(),
        )

    def _note(self, objective: str, kept: bool) -> None:
        with self._lock:
            self._kept.append((self._clock(), kept))
        if not kept:
            self._violations.labels(objective).inc()


@dataclass(frozen=True, slots=True)
class Objective:
    """One promise. Each request is to be judged once, by the worst of it."""

    name: str
    seconds: float
    _note: Callable[[str, bool], None]

    def took(self, seconds: float) -> None:
        """A request was served."""
        self._note(self.name, seconds <= self.seconds)

    def failed(self) -> None:
        """A request was not."""
        self._note(self.name, False)
