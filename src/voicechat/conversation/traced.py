"""The spans of a turn: from the end of the person's speech, or the request of a reply, to the end of the reply.

The voice's own spans, the fleet's and the worker's, hang below `voice`. The steps on the way to the first audio are
`mind` asked, `voice` given its first text, `playout` given its first frame, and the event `first audio sent`.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from voicechat.conversation.reply import Reply, TurnTrace
from voicechat.observability import traces
from voicechat.observability.traces import Kind, Span, TraceContext, Value

FIRST_AUDIO = "first audio sent"
FIRST_TOKEN = "first token"


def begin_turn(reply: Reply) -> None:
    """Give a reply its place in a trace, which a client may name: `metadata: {traceparent}` of `response.create`."""
    asked_by = traces.parse_traceparent((reply.options.metadata or {}).get(traces.TRACEPARENT))
    context = traces.begin(asked_by)
    if context is None:
        return
    caller = traces.CALLER.get()
    reply.trace = TurnTrace(
        context,
        voice=context.child(),
        parent_id=None if asked_by is None else asked_by.context.span_id,
        caller=None if caller is None else caller.context,
        session=structlog.contextvars.get_contextvars().get("session", ""),
    )


def turn_over(reply: Reply, now_s: float) -> None:
    """Tell of a reply that is over; of one that was prepared and given up as well, once the mind was asked."""
    times = reply.times
    begin_s = reply.turn.stopped_at if reply.turn is not None else times.asked_at or times.first_text_at
    if reply.trace is None or begin_s is None:
        return
    _Turn(reply, reply.trace, begin_s, now_s).tell()


class _Turn:
    def __init__(self, reply: Reply, trace: TurnTrace, begin_s: float, end_s: float) -> None:
        self._reply = reply
        self._trace = trace
        self._begin_s = begin_s
        self._end_s = end_s

    def tell(self) -> None:
        reply, turn, times = self._reply, self._reply.turn, self._reply.times
        self._root()
        if turn is not None:
            self._child("endpointing", turn.stopped_at, turn.committed_at)
            self._child("ears", turn.stopped_at, turn.transcribed_at)
        self._mind()
        self._child("voice", times.first_text_at, times.spoken_at or self._end_s, context=self._trace.voice)
        self._child(
            "playout",
            times.first_frame_at,
            self._end_s,
            {"voicechat.audio.sent_ms": reply.sent_ms},
            events=_event(FIRST_AUDIO, times.first_sent_at),
        )

    def _root(self) -> None:
        reply = self._reply
        attributes: dict[str, Value] = {"voicechat.turn.id": reply.id, "voicechat.turn.status": reply.status}
        if session := self._trace.session:
            attributes |= {"session.id": session, "gen_ai.conversation.id": session}
        if (sent_at := reply.times.first_sent_at) is not None:
            attributes["voicechat.turn.latency_ms"] = round((sent_at - self._begin_s) * 1000, 3)
        traces.record(
            Span(
                "turn",
                self._trace.context,
                self._trace.parent_id,
                self._begin_s,
                self._end_s,
                Kind.SERVER,
                attributes,
                events=_event(FIRST_AUDIO, reply.times.first_sent_at),
                error=None if reply.failure is None else reply.failure.message,
                links=() if self._trace.caller is None else (self._trace.caller,),
            )
        )

    def _mind(self) -> None:
        """Attributes are those of OpenTelemetry's conventions for generative models."""
        reply, times = self._reply, self._reply.times
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": reply.model,
            "gen_ai.usage.input_tokens": reply.input_tokens,
            "gen_ai.usage.output_tokens": reply.output_tokens,
        }
        self._child(
            f"chat {reply.model}",
            times.asked_at,
            times.thought_at or self._end_s,
            attributes,
            kind=Kind.CLIENT,
            events=_event(FIRST_TOKEN, times.first_token_at),
        )

    def _child(
        self,
        name: str,
        begin_s: float | None,
        end_s: float | None,
        attributes: Mapping[str, Value] | None = None,
        *,
        context: TraceContext | None = None,
        kind: Kind = Kind.INTERNAL,
        events: tuple[tuple[str, float], ...] = (),
    ) -> None:
        """A step, if it came to be."""
        if begin_s is None or end_s is None:
            return
        place = context or self._trace.context.child()
        traces.record(Span(name, place, self._trace.context.span_id, begin_s, end_s, kind, attributes or {}, events))


def _event(name: str, at_s: float | None) -> tuple[tuple[str, float], ...]:
    return () if at_s is None else ((name, at_s),)
