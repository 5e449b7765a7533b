"""What the worker counts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from voicechat.tts.refusal import Refusal

_LATENCY_S = (0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0)
_LOAD_S = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
_FACTOR = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0)


class WorkerMetrics:
    """The `voicechat_worker_*` family on one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        prefix = "voicechat_worker_"
        self.registry = registry
        ProcessCollector(registry=registry)
        self.model_load = Histogram(
            f"{prefix}model_load_seconds", "Time to load a model", ["model"], buckets=_LOAD_S, registry=registry
        )
        self.models_resident = Gauge(f"{prefix}models_resident", "Models in memory", registry=registry)
        self.evictions = Counter(f"{prefix}model_evictions", "Models that left memory", ["reason"], registry=registry)
        self.streams = Gauge(f"{prefix}active_streams", "Replies being spoken", registry=registry)
        self.queued = Gauge(f"{prefix}queue_depth", "Replies that wait for a place", registry=registry)
        self.capacity = Gauge(f"{prefix}capacity", "REALTIME replies that the measured speed allows", registry=registry)
        self.units_waiting = Gauge(f"{prefix}units_waiting", "Pieces of work that wait for a thread", registry=registry)
        self.rejected = Counter(f"{prefix}admission_rejected", "Replies refused", ["reason"], registry=registry)
        self.replies = Counter(f"{prefix}replies", "Replies by how they ended", ["outcome"], registry=registry)
        self.unit = Histogram(
            f"{prefix}unit_seconds", "Time of one piece of work", ["pace"], buckets=_LATENCY_S, registry=registry
        )
        self.first_audio = Histogram(
            f"{prefix}time_to_first_audio_seconds",
            "From the first complete segment to its first audio",
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.realtime_factor = Histogram(
            f"{prefix}realtime_factor", "Synthesis time by audio time, a reply", buckets=_FACTOR, registry=registry
        )
        self.registered = Gauge(f"{prefix}registered", "1 while the registry knows this worker", registry=registry)
        self.build_info = Gauge(
            f"{prefix}build_info", "Versions, as labels", ["version", "engine", "engine_version"], registry=registry
        )

    @contextmanager
    def counted_outcome(self) -> Iterator[None]:
        """Count a reply by how it leaves the block."""
        outcome = "done"
        try:
            yield
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        except Refusal:
            outcome = "refused"
            raise
        except Exception:
            outcome = "failed"
            raise
        finally:
            self.replies.labels(outcome).inc()
