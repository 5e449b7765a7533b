"""Spans to an OpenTelemetry collector: OTLP over HTTP, in batches, from a thread of the SDK's."""

from __future__ import annotations

import os
from importlib.metadata import version

from opentelemetry import trace as api
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace.status import Status, StatusCode

from voicechat.observability.traces import Kind, Span, TraceContext

_TIMEOUT_S = 5.0
_QUEUED = 4096
"""Spans that wait for the collector at most; what comes while it is full is dropped."""
_EVERY_MS = 1000.0
_KINDS = {Kind.INTERNAL: api.SpanKind.INTERNAL, Kind.SERVER: api.SpanKind.SERVER, Kind.CLIENT: api.SpanKind.CLIENT}


class OtlpSink:
    """Implements `SpanSink`. `OTEL_EXPORTER_OTLP_HEADERS` and `OTEL_RESOURCE_ATTRIBUTES` are honoured.

    Args:
        endpoint: Base address of the collector, such as http://localhost:4318.
        service: Name of the process.
    """

    def __init__(self, endpoint: str, service: str) -> None:
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_TIMEOUT_S)
        self._processor = BatchSpanProcessor(exporter, max_queue_size=_QUEUED, schedule_delay_millis=_EVERY_MS)
        self._scope = InstrumentationScope("voicechat", version("voicechat"))
        self._resource = Resource.create(
            {
                "service.namespace": "voicechat",
                "service.name": f"voicechat-{service}",
                "service.version": version("voicechat"),
                "process.pid": os.getpid(),
            }
        )

    def record(self, span: Span) -> None:
        """Queue a span."""
        self._processor.on_end(self._readable(span))

    def close(self) -> None:
        """Send what waits, and end the thread. Blocks for the collector's time-out at most."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]

    def _readable(self, span: Span) -> ReadableSpan:
        context = _context(span.context)
        parent = None if span.parent_id is None else _context(TraceContext(span.context.trace_id, span.parent_id))
        return ReadableSpan(
            name=span.name,
            context=context,
            parent=parent,
            resource=self._resource,
            attributes=dict(span.attributes),
            events=[Event(name, timestamp=_ns(at_s)) for name, at_s in span.events],
            links=[api.Link(_context(link)) for link in span.links],
            kind=_KINDS[span.kind],
            instrumentation_scope=self._scope,
            status=Status(StatusCode.UNSET if span.error is None else StatusCode.ERROR, span.error),
            start_time=_ns(span.begin_s),
            end_time=_ns(max(span.begin_s, span.end_s)),
        )


def _context(context: TraceContext) -> api.SpanContext:
    return api.SpanContext(
        context.trace_id, context.span_id, is_remote=False, trace_flags=api.TraceFlags(api.TraceFlags.SAMPLED)
    )


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
