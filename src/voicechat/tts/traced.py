"""The worker's spans of a reply: admission, the model, each segment, and each piece of work with its wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import grpc

from voicechat.observability import traces
from voicechat.observability.traces import TRACEPARENT, Kind, Span, TraceContext, Value
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.tts.reply import Send, Submit
from voicechat.tts.scheduler import Pace

MOST_CHUNKS = 256
"""Pieces of work of one reply that are told one by one."""
NAME = "voicechat.tts.v1.Synthesizer/Synthesize"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Segment:
    context: TraceContext
    began_s: float
    attributes: dict[str, Value]


class ReplyTrace:
    """Watches one reply from outside: what it submits, and what it sends.

    Args:
        caller: The orchestrator's call.
        clock: Seconds since the epoch.
    """

    def __init__(self, caller: TraceContext, clock: Callable[[], float] = time.time) -> None:
        self.context = caller.child()
        self._caller = caller
        self._clock = clock
        self._began_s = clock()
        self._segment: _Segment | None = None
        self._chunks = 0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A stretch of the call."""
        began_s = self._clock()
        try:
            yield
        finally:
            self._tell(name, began_s)

    def submit(self, inner: Submit) -> Submit:
        """The scheduler's `submit`, watched."""

        def watched(run: Callable[[], _T], pace: Pace, deadline_s: float) -> asyncio.Future[_T]:
            asked_s, parent = self._clock(), self.context if self._segment is None else self._segment.context

            def timed() -> _T:
                began_s = self._clock()
                try:
                    return run()
                finally:
                    self._chunk(parent, asked_s, began_s, pace)

            return inner(timed, pace, deadline_s)

        return watched

    def send(self, inner: Send) -> Send:
        """The call's `write`, watched."""

        async def watched(response: pb.SynthesizeResponse) -> None:
            kind = response.WhichOneof("response")
            if kind == "segment":
                self._segment_begins(response.segment)
            await inner(response)
            if kind == "segment_done":
                self._segment_ends()

        return watched

    def over(self, status: grpc.StatusCode, error: str | None = None) -> None:
        """The call is answered."""
        self._segment_ends()
        number: int = status.value[0]
        attributes: dict[str, Value] = {
            "rpc.system": "grpc",
            "rpc.service": NAME.partition("/")[0],
            "rpc.method": "Synthesize",
            "rpc.grpc.status_code": number,
            "voicechat.chunks": self._chunks,
        }
        traces.record(
            Span(
                NAME,
                self.context,
                self._caller.span_id,
                self._began_s,
                self._clock(),
                Kind.SERVER,
                attributes,
                error=error,
            )
        )

    def _segment_begins(self, segment: pb.Segment) -> None:
        attributes: dict[str, Value] = {
            "voicechat.segment.index": segment.index,
            "voicechat.segment.chars": segment.char_end - segment.char_start,
        }
        self._segment = _Segment(self.context.child(), self._clock(), attributes)

    def _segment_ends(self) -> None:
        segment, self._segment = self._segment, None
        if segment is not None:
            self._tell("segment", segment.began_s, context=segment.context, attributes=segment.attributes)

    def _chunk(self, parent: TraceContext, asked_s: float, began_s: float, pace: Pace) -> None:
        """On a worker thread."""
        self._chunks += 1
        if self._chunks > MOST_CHUNKS:
            return
        attributes: dict[str, Value] = {
            "voicechat.scheduler.wait_ms": round((began_s - asked_s) * 1000, 3),
            "voicechat.pace": pace.name.lower(),
        }
        events = (("running", began_s),)
        traces.record(
            Span("chunk", parent.child(), parent.span_id, asked_s, self._clock(), Kind.INTERNAL, attributes, events)
        )

    def _tell(
        self,
        name: str,
        began_s: float,
        *,
        context: TraceContext | None = None,
        attributes: dict[str, Value] | None = None,
    ) -> None:
        place = context or self.context.child()
        traces.record(Span(name, place, self.context.span_id, began_s, self._clock(), Kind.INTERNAL, attributes or {}))


def begin_reply(metadata: Iterable[tuple[str, str | bytes]] | None) -> ReplyTrace | None:
    """The trace that a call belongs to; None where its caller or this process traces nothing."""
    for key, value in metadata or ():
        if key == TRACEPARENT and isinstance(value, str):
            parent = traces.parse_traceparent(value)
            if parent is not None and traces.begin(parent) is not None:
                return ReplyTrace(parent.context)
    return None
