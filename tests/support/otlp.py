"""A collector on loopback, and the spans it was sent as a tree."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Received:
    """A span as it came, times in ms since the epoch."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    begin_ms: float
    end_ms: float
    attributes: dict[str, Any]
    events: dict[str, float]


class Collector:
    """What was sent to `endpoint`."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.spans: list[Received] = []

    def take(self, body: bytes) -> None:
        """An export request."""
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            service = _attributes(resource.resource.attributes)["service.name"]
            for scope in resource.scope_spans:
                self.spans += [_received(service, span) for span in scope.spans]

    def wait_for(self, found: Callable[[Sequence[Received]], bool], timeout_s: float = 30.0) -> None:
        """Until what came satisfies `found`."""
        deadline = time.monotonic() + timeout_s
        while not found(self.spans):
            assert time.monotonic() < deadline, [span.name for span in self.spans]
            time.sleep(0.05)


def tree(spans: Sequence[Received], trace_id: str) -> str:
    """The spans of a trace: when each began, how long it lasted, and its name, indented below its parent."""
    mine = [span for span in spans if span.trace_id == trace_id]
    known = {span.span_id for span in mine}
    zero_ms = min(span.begin_ms for span in mine)
    lines: list[str] = []

    def show(span: Received, depth: int) -> None:
        starts = f"{span.begin_ms - zero_ms:9.1f} {span.end_ms - span.begin_ms:9.1f}"
        marks = "".join(f"  [{name} at {at_ms - zero_ms:.1f}]" for name, at_ms in span.events.items())
        lines.append(f"{starts}  {'  ' * depth}{span.name}  ({span.service}){marks if depth < 2 else ''}")
        for child in sorted(mine, key=lambda other: other.begin_ms):
            if child.parent_id == span.span_id:
                show(child, depth + 1)

    for root in mine:
        if root.parent_id not in known:
            show(root, 0)
    return "\n".join([f"{'begin ms':>9} {'ms':>9}", *lines])


@contextmanager
def running_collector() -> Iterator[Collector]:
    """A collector, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.take(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _received(service: str, span: Any) -> Received:
    return Received(
        service=service,
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        begin_ms=span.start_time_unix_nano / 1e6,
        end_ms=span.end_time_unix_nano / 1e6,
        attributes=_attributes(span.attributes),
        events={event.name: event.time_unix_nano / 1e6 for event in span.events},
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
