"""The span of an HTTP request that speaks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from starlette.datastructures import Headers
from starlette.types import Scope

from voicechat.observability import traces
from voicechat.observability.traces import TRACEPARENT, Kind, Span, TraceContext


@contextmanager
def served(scope: Scope) -> Iterator[TraceContext | None]:
    """Tell of the request once it is over; gives the place of what it asks, or None where nobody traces it."""
    parent = traces.parse_traceparent(Headers(scope=scope).get(TRACEPARENT))
    trace = traces.begin(parent)
    if trace is None:
        yield None
        return
    structlog.contextvars.bind_contextvars(trace_id=trace.trace)
    began_s, error = time.time(), None
    try:
        yield trace
    except Exception as failure:
        error = str(failure) or type(failure).__name__
        raise
    finally:
        path = scope["path"]
        attributes: dict[str, traces.Value] = {
            "http.request.method": scope["method"],
            "http.route": path,
            "url.path": path,
            "url.scheme": scope.get("scheme", "http"),
        }
        above = None if parent is None else parent.context.span_id
        name = f"{scope['method']} {path}"
        traces.record(Span(name, trace, above, began_s, time.time(), Kind.SERVER, attributes, error=error))
