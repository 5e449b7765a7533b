"""What the orchestrator counts of the fleet: only what its own replies see."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from voicechat.fleet.member import Member
from voicechat.fleet.port import AudioChunk, SegmentStarted, SpeechEvent, VoiceError
from voicechat.observability.sla import SYNTHESIS_S, Sla

_LATENCY_S = (0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0)
"""Finer around 0.3 s, the objective."""


class FleetMetrics:
    """The fleet's metrics on one registry.

    Args:
        registry: Where they are shown.
        known_models: Models with a label of their own; the others are `custom`.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        known_models: Collection[str] = (),
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._known = frozenset(known_models)
        self._clock = clock
        self.synthesis = Counter("synthesis", "Replies spoken", ["model"], registry=registry)
        self.errors = Counter("synthesis_errors", "Replies that failed", ["model", "reason"], registry=registry)
        self.active = Gauge("synthesis_active", "Replies being spoken", registry=registry)
        self.queue = Gauge("synthesis_queue_depth", "Replies that wait for a worker to take them", registry=registry)
        self.latency = Histogram(
            "synthesis_latency_seconds",
            "From a reply's first segment to its first audio",
            ["model"],
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.sla = Sla("synthesis", SYNTHESIS_S, registry, clock)
        self.tasks = Counter("worker_tasks", "Replies, or rests of them, that a worker took", registry=registry)
        self.worker_errors = Counter(
            "worker_errors", "Times that a worker failed or refused", ["reason"], registry=registry
        )
        self.failovers = Counter(
            "voicechat_worker_failovers", "Replies that went on on another worker", ["reason"], registry=registry
        )

    @contextmanager
    def reply(self, model_id: str) -> Iterator[None]:
        """Count a reply from its request to its end."""
        model = self._label(model_id)
        try:
            yield
        except VoiceError as error:
            self.errors.labels(model, error.code.lower()).inc()
            self.sla.failed()
            raise
        finally:
            self.synthesis.labels(model).inc()

    def failed_over(self, error: VoiceError) -> None:
        """A reply goes on elsewhere."""
        self.failovers.labels(error.code.lower()).inc()

    def first_audio(self, model_id: str) -> FirstAudio:
        """Watches one reply for its first audio."""
        latency = self.latency.labels(self._label(model_id))

        def observe(seconds: float) -> None:
            latency.observe(seconds)
            self.sla.took(seconds)

        return FirstAudio(observe, self._clock)

    def _label(self, model_id: str) -> str:
        return model_id if model_id in self._known else "custom"


class FirstAudio:
    """Measures, once, the time from a reply's first segment to its first audio."""

    def __init__(self, observe: Callable[[float], None], clock: Callable[[], float]) -> None:
        self._observe = observe
        self._clock = clock
        self._began: float | None = None
        self._done = False

    def note(self, event: SpeechEvent) -> None:
        """An event of the reply."""
        if self._done:
            return
        if isinstance(event, SegmentStarted) and self._began is None:
            self._began = self._clock()
        elif isinstance(event, AudioChunk) and self._began is not None:
            self._observe(self._clock() - self._began)
            self._done = True


class FleetCollector(Collector):
    """Reads the fleet at the moment it is asked: how many workers speak, how many could, how full they are."""

    def __init__(self, members: Callable[[], Iterable[Member]]) -> None:
        self._members = members

    def collect(self) -> Iterable[Metric]:
        """`workers_active`, `workers_idle`, `worker_utilization_percent`."""
        members = [member for member in self._members() if not member.record.draining]
        busy = sum(member.active > 0 for member in members)
        yield GaugeMetricFamily("workers_active", "Workers that speak now.", value=busy)
        yield GaugeMetricFamily("workers_idle", "Workers that wait for something to speak.", value=len(members) - busy)
        places = sum(member.record.capacity for member in members)
        used = 100 * sum(member.active for member in members) / places if places else float("nan")
        yield GaugeMetricFamily("worker_utilization_percent", "Share of the workers' places taken.", value=used)
