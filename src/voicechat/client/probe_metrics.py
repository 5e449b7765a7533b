"""What the synthetic caller shows to Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from voicechat.client.probe import Outcome, ProbeResult

_LATENCY_S = (0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)


class ProbeMetrics:
    """The `voicechat_probe_*` family on one registry. `wall`: seconds since the epoch."""

    def __init__(self, registry: CollectorRegistry, wall: Callable[[], float] = time.time) -> None:
        self.registry = registry
        self._wall = wall
        prefix = "voicechat_probe_"
        self._calls = Counter(f"{prefix}calls", "Calls, by how they went", ["outcome"], registry=registry)
        for outcome in Outcome:
            self._calls.labels(outcome.value)
        self._success = Gauge(f"{prefix}success", "1 where the last call was answered, else 0", registry=registry)
        self._last = Gauge(
            f"{prefix}last_call_timestamp_seconds", "When the last call ended, since the epoch", registry=registry
        )
        self._took = Gauge(f"{prefix}call_seconds", "How long the last call took", registry=registry)
        self._heard = Gauge(
            f"{prefix}heard_ratio", "Share of the question's words that were recognised, last call", registry=registry
        )
        self._latency = Histogram(
            f"{prefix}first_audio_seconds",
            "From the end of the question to the first of the answer heard",
            buckets=_LATENCY_S,
            registry=registry,
        )

    def note(self, result: ProbeResult) -> None:
        """One more call."""
        self._calls.labels(result.outcome.value).inc()
        self._success.set(result.outcome is Outcome.OK)
        self._last.set(self._wall())
        self._took.set(result.took_s)
        if result.heard is not None:
            self._heard.set(result.heard)
        if result.first_audio_s is not None:
            self._latency.observe(result.first_audio_s)
