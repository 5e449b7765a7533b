"""Traces: what a turn or a request spent its time on, told when it is over.

Spans are made of times that are kept anyway, so that nothing is open across tasks and nothing is spent where no one
asks: without `trace_to`, `begin` gives None and no library is loaded. Contexts travel as W3C `traceparent` headers.
"""

from __future__ import annotations

import random
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from voicechat.settings import TracingSettings

TRACEPARENT = "traceparent"
"""Header and metadata key, W3C Trace Context."""
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1

Value = str | int | float | bool


class Kind(StrEnum):
    """Which side of a call a span tells of."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A place in a trace: the trace and the span, 128 and 64 bits."""

    trace_id: int
    span_id: int

    @property
    def header(self) -> str:
        """As a `traceparent`; who has a context is sampled."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{_SAMPLED:02x}"

    @property
    def trace(self) -> str:
        """The trace's id as people and tools write it."""
        return f"{self.trace_id:032x}"

    def child(self) -> TraceContext:
        """A new span of the same trace."""
        return TraceContext(self.trace_id, _new_id(64))


@dataclass(frozen=True, slots=True)
class Parent:
    """A caller's place in its trace, and whether it asks for ours to be recorded."""

    context: TraceContext
    sampled: bool


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of work, times in seconds since the epoch.

    `error`: why it failed, for people; None where it did not. `links`: contexts of other traces that it belongs to.
    """

    name: str
    context: TraceContext
    parent_id: int | None
    begin_s: float
    end_s: float
    kind: Kind = Kind.INTERNAL
    attributes: Mapping[str, Value] = field(default_factory=dict)
    events: tuple[tuple[str, float], ...] = ()
    error: str | None = None
    links: tuple[TraceContext, ...] = ()


class SpanSink(Protocol):
    """Where spans go. Must not block."""

    def record(self, span: Span) -> None:
        """Keep a span that is over."""


@dataclass(frozen=True, slots=True)
class _Tracing:
    sink: SpanSink | None = None
    ratio: float = 0.0


_tracing = _Tracing()
CALLER: ContextVar[Parent | None] = ContextVar("voicechat_caller_trace", default=None)
"""The trace of whoever holds the connection that a task serves."""


def parse_traceparent(header: str | None) -> Parent | None:
    """What a caller said of its trace; None where it said nothing that can be read."""
    found = _TRACEPARENT.fullmatch((header or "").strip())
    if found is None or found[1] == "ff" or (found[1] == "00" and found[5]):
        return None
    context = TraceContext(int(found[2], 16), int(found[3], 16))
    if not (context.trace_id and context.span_id):
        return None
    return Parent(context, bool(int(found[4], 16) & _SAMPLED))


def begin(parent: Parent | None = None) -> TraceContext | None:
    """A place for new work: below `parent`, or in a trace of its own. None where nobody asks or it is not sampled."""
    if _tracing.sink is None:
        return None
    if parent is not None:
        return parent.context.child() if parent.sampled else None
    if random.random() >= _tracing.ratio:
        return None
    return TraceContext(_new_id(128), _new_id(64))


def record(span: Span) -> None:
    """Tell of work that is over."""
    if _tracing.sink is not None:
        _tracing.sink.record(span)


@contextmanager
def trace_to(sink: SpanSink, ratio: float = 1.0) -> Iterator[None]:
    """Record this share of new traces, and what callers ask for, while the block runs."""
    global _tracing
    before, _tracing = _tracing, _Tracing(sink, ratio)
    try:
        yield
    finally:
        _tracing = before


@contextmanager
def exported_traces(settings: TracingSettings, service: str) -> Iterator[None]:
    """Export this process's traces where `settings` name a collector; what waits is sent at the end."""
    if settings.endpoint is None:
        yield
        return
    from voicechat.observability.otlp import OtlpSink

    sink = OtlpSink(settings.endpoint, service)
    try:
        with trace_to(sink, settings.sample_ratio):
            yield
    finally:
        sink.close()


def _new_id(bits: int) -> int:
    return secrets.randbits(bits) or 1
