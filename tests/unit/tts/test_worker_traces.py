from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import grpc

from voicechat.observability.traces import Span, TraceContext, trace_to
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.tts.scheduler import Pace
from voicechat.tts.traced import MOST_CHUNKS, ReplyTrace, begin_reply

CALLER = TraceContext(7, 9)
T = TypeVar("T")


class Kept:
    def __init__(self) -> None:
        self.spans: list[Span] = []

    def record(self, span: Span) -> None:
        self.spans.append(span)

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


class Hands:
    """A clock that is moved by hand, and a thread that works after `wait_s`."""

    def __init__(self, wait_s: float = 0.0) -> None:
        self.now_s = 100.0
        self.wait_s = wait_s

    def submit(self, run: Callable[[], T], pace: Pace, deadline_s: float) -> asyncio.Future[T]:
        self.now_s += self.wait_s
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        done.set_result(run())
        return done

    def work(self, seconds: float) -> None:
        self.now_s += seconds


async def write(_: pb.SynthesizeResponse) -> None:
    pass


async def test_work_hangs_below_the_segment_it_is_for_and_tells_how_long_it_waited() -> None:
    kept, hands = Kept(), Hands(wait_s=0.25)
    with trace_to(kept):
        trace = ReplyTrace(CALLER, lambda: hands.now_s)
        send = trace.send(write)
        await send(pb.SynthesizeResponse(segment=pb.Segment(index=3, char_start=0, char_end=12)))
        await trace.submit(hands.submit)(lambda: hands.work(0.5), Pace.REALTIME, 0.0)
        await send(pb.SynthesizeResponse(segment_done=pb.SegmentDone(index=3)))
        trace.over(grpc.StatusCode.OK)
    (segment,), (chunk,), (call,) = kept.named("segment"), kept.named("chunk"), [kept.spans[-1]]
    assert chunk.parent_id == segment.context.span_id
    assert segment.parent_id == call.context.span_id
    assert call.parent_id == CALLER.span_id
    assert {span.context.trace_id for span in kept.spans} == {CALLER.trace_id}
    assert chunk.attributes["voicechat.scheduler.wait_ms"] == 250.0
    assert (segment.begin_s, segment.end_s) == (100.0, 100.75)


async def test_a_long_reply_tells_of_a_bounded_number_of_pieces_and_counts_all() -> None:
    kept, hands = Kept(), Hands()
    with trace_to(kept):
        trace = ReplyTrace(CALLER, lambda: hands.now_s)
        submit = trace.submit(hands.submit)
        for _ in range(MOST_CHUNKS + 10):
            await submit(lambda: None, Pace.BULK, 0.0)
        trace.over(grpc.StatusCode.OK)
    assert len(kept.named("chunk")) == MOST_CHUNKS
    assert kept.spans[-1].attributes["voicechat.chunks"] == MOST_CHUNKS + 10


def test_a_call_without_a_trace_is_not_watched() -> None:
    with trace_to(Kept()):
        assert begin_reply(()) is None
        assert begin_reply((("traceparent", "nonsense"),)) is None
        assert begin_reply((("traceparent", CALLER.header),)) is not None
    assert begin_reply((("traceparent", CALLER.header),)) is None
