"""The span of a call to a worker, and the metadata by which the worker continues the trace."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from voicechat.observability import traces
from voicechat.observability.traces import TRACEPARENT, Kind, Span, TraceContext

SERVICE, METHOD = "voicechat.tts.v1.Synthesizer", "Synthesize"


@dataclass(frozen=True, slots=True)
class CallTrace:
    """One attempt at one worker; `parent` is what the reply belongs to."""

    parent: TraceContext
    worker: str
    address: str
    context: TraceContext
    began_s: float = field(default_factory=time.time)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """For the call."""
        return ((TRACEPARENT, self.context.header),)

    def over(self, *, error: str | None) -> None:
        """Tell of it."""
        host, _, port = self.address.rpartition(":")
        attributes: dict[str, traces.Value] = {
            "rpc.system": "grpc",
            "rpc.service": SERVICE,
            "rpc.method": METHOD,
            "server.address": host,
            "voicechat.worker.name": self.worker,
        }
        if port.isdigit():
            attributes["server.port"] = int(port)
        span = Span(
            f"{SERVICE}/{METHOD}",
            self.context,
            self.parent.span_id,
            self.began_s,
            time.time(),
            Kind.CLIENT,
            attributes,
            error=error,
        )
        traces.record(span)


def begin_call(parent: TraceContext | None, worker: str, address: str) -> CallTrace | None:
    """None for a reply that nobody traces."""
    return None if parent is None else CallTrace(parent, worker, address, parent.child())
