"""What the orchestrator counts of the fleet: only what its own replies see."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from math import nan
from time import monotonic

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from voicechat.fleet.member import Member
from voicechat.fleet.port import VoiceError
from voicechat.fleet.watch import ReplyMeters, ReplyWatch
from voicechat.observability.sla import SYNTHESIS_S, Sla

_LATENCY_S = (0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0)
"""Finer around 0.3 s, the objective."""
_FACTOR = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0)
CODES = (
    *("INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED", "UNAVAILABLE"),
    *("DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL"),
)
"""Why replies fail: the reasons, in small letters."""


class FleetMetrics:
    """The fleet's metrics on one registry.

    Args:
        registry: Where they are shown.
        known_models: Models with a label of their own; the others are `custom`.
        clock: Seconds, monotonic.
        sla: Judges replies; None: one of its own.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        known_models: Collection[str] = (),
        clock: Callable[[], float] = monotonic,
        sla: Sla | None = None,
    ) -> None:
        self._known = frozenset(known_models)
        self._clock = clock
        self._objective = (sla or Sla(registry, clock)).objective("synthesis", SYNTHESIS_S)
        self.synthesis = Counter("synthesis", "Replies asked for", ["model"], registry=registry)
        self.errors = Counter("synthesis_errors", "Replies that failed", ["model", "reason"], registry=registry)
        self.active = Gauge("synthesis_active", "Replies being spoken", registry=registry)
        self.queue = Gauge("synthesis_queue_depth", "Replies that wait for a worker to take them", registry=registry)
        self.latency = Histogram(
            "synthesis_latency_seconds",
            "From a reply's first complete segment to its first audio",
            ["model"],
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.first_audio = Histogram(
            "voicechat_time_to_first_audio_seconds",
            "From the first text sent to a worker to the first audio of the reply",
            ["model"],
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.factor = Histogram(
            "voicechat_realtime_factor",
            "Time of synthesis by time of audio, of replies that one worker spoke to their end",
            ["model"],
            buckets=_FACTOR,
            registry=registry,
        )
        self.tasks = Counter("worker_tasks", "Replies, or rests of them, that a worker took", registry=registry)
        self.worker_errors = _by_reason(
            Counter("worker_errors", "Times that a worker failed or refused", ["reason"], registry=registry),
            ("busy", "draining", "lost", "unreachable"),
        )
        self.failovers = _by_reason(
            Counter(
                "voicechat_worker_failovers", "Replies that went on on another worker", ["reason"], registry=registry
            ),
            ("cancelled", "deadline_exceeded", "internal", "unavailable"),
        )

    @contextmanager
    def reply(self, model_id: str) -> Iterator[ReplyWatch]:
        """Count a reply from its request to its end."""
        model = model_id if model_id in self._known else "custom"
        errors = {code: self.errors.labels(model, code.lower()) for code in CODES}
        watch = self._watch(model)
        self.synthesis.labels(model).inc()
        try:
            yield watch
        except VoiceError as error:
            errors.get(error.code, errors["INTERNAL"]).inc()
            watch.over(error)
            raise
        except BaseException:
            watch.over()
            raise
        watch.over()

    def _watch(self, model: str) -> ReplyWatch:
        meters = ReplyMeters(
            latency=self.latency.labels(model),
            first_audio=self.first_audio.labels(model),
            factor=self.factor.labels(model),
            failovers=self.failovers,
            objective=self._objective,
        )
        return ReplyWatch(meters, self._clock)


def _by_reason(counter: Counter, reasons: Iterable[str]) -> Counter:
    """Shown from the start as 0, so that the first one is an increase."""
    for reason in reasons:
        counter.labels(reason)
    return counter


class FleetCollector(Collector):
    """Reads the fleet at the moment it is asked: how many workers speak, how many could, how full they are."""

    def __init__(self, members: Callable[[], Iterable[Member]], capacity: Callable[[], int | None]) -> None:
        self._members = members
        self._capacity = capacity

    def collect(self) -> Iterable[Metric]:
        """`workers_active`, `workers_idle`, `worker_utilization_percent`."""
        members = [member for member in self._members() if not member.record.draining]
        busy = sum(member.active > 0 for member in members)
        yield GaugeMetricFamily("workers_active", "Workers that speak now", value=busy)
        yield GaugeMetricFamily("workers_idle", "Workers that wait for something to speak", value=len(members) - busy)
        places = self._capacity()
        # Replies that wait are counted apart.
        taken = min(places or 0, sum(member.active for member in members))
        yield GaugeMetricFamily(
            "worker_utilization_percent",
            "Share of the workers' places taken; NaN while no worker tells how many it has",
            value=100 * taken / places if places else nan,
        )
