"""One reply of the assistant, from the moment it is thought of to its last event."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum

from livekit.agents.voice import SpeechHandle

from voicechat.conversation.items import ToolCall, new_id
from voicechat.conversation.port import ReplyOptions
from voicechat.conversation.spoken import SpokenText
from voicechat.conversation.voice import ReplyVoice
from voicechat.observability.traces import TraceContext


class ReplyPhase(StrEnum):
    """A reply may be prepared before the turn is decided; only an open one is known to the client."""

    PREPARED = "prepared"
    OPEN = "open"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a reply could not be made; the text is for people."""

    code: str
    message: str


@dataclass(slots=True)
class TurnTimes:
    """When a person's turn, or the request of a reply, passed its stages, seconds since the epoch."""

    stopped_at: float
    transcribed_at: float | None = None
    committed_at: float | None = None


@dataclass(slots=True)
class ReplyTimes:
    """When a reply passed its stages, seconds since the epoch."""

    asked_at: float | None = None
    first_token_at: float | None = None
    thought_at: float | None = None
    first_text_at: float | None = None
    first_frame_at: float | None = None
    first_sent_at: float | None = None
    spoken_at: float | None = None


@dataclass(frozen=True, slots=True)
class TurnTrace:
    """Where the spans of a turn belong.

    `parent_id`: the span of a client that asked for the reply; `caller`: the trace of the connection, `session` its id.
    """

    context: TraceContext
    voice: TraceContext
    parent_id: int | None
    caller: TraceContext | None
    session: str


@dataclass(eq=False)
class Reply:
    """Everything that is known of a reply. `text` is what the mind wrote, `spoken` what the voice said of it.

    `engaged` is the engine's side of it, with all its tasks; None once it is over.
    """

    engaged: SpeechHandle | None
    options: ReplyOptions
    wants_audio: bool
    id: str = field(default_factory=lambda: new_id("resp"))
    item_id: str = field(default_factory=lambda: new_id("item"))
    phase: ReplyPhase = ReplyPhase.PREPARED
    pending_words: str | None = None
    text: str = ""
    final_text: str = ""
    spoken: SpokenText = field(default_factory=SpokenText)
    voice: ReplyVoice | None = None
    tool_calls: list[ToolCall] = field(default_factory=list)
    input_tokens: int = 0
    output_tokens: int = 0
    failure: Failure | None = None
    cancel_reason: str = "turn_detected"
    sent_ms: float = 0.0
    heard_ms: float | None = None
    cleared: bool = False
    turn: TurnTimes | None = None
    times: ReplyTimes = field(default_factory=ReplyTimes)
    status: str = "given up"
    model: str = ""
    trace: TurnTrace | None = None

    @property
    def handle(self) -> SpeechHandle:
        """The engine's side of a reply that is not over."""
        assert self.engaged is not None, "the reply is over"
        return self.engaged

    # --- as the playout meets it

    def heard_text(self, position_ms: float) -> str:
        """The words heard when playout stood at `position_ms`."""
        return self.spoken.heard(position_ms)

    def played(self, samples: int) -> None:
        """Tell the voice how far the listener is."""
        if self.voice is not None:
            self.voice.played(samples)

    def hold(self, held: bool) -> None:
        """Tell the voice that playout waits, or goes on; then what was heard when it stopped is no longer all."""
        if not held:
            self.heard_ms = None
        if self.voice is not None:
            self.voice.hold(held)

    @property
    def trace_id(self) -> str | None:
        """The id of its trace; None where it has none."""
        return None if self.trace is None else self.trace.context.trace

    @property
    def in_logs(self) -> Mapping[str, str]:
        """What lines about it are found by."""
        return {"turn": self.id} if self.trace_id is None else {"turn": self.id, "trace_id": self.trace_id}

    def stages_ms(self) -> Mapping[str, float]:
        """Latency by stage; stages that cannot be told are left out."""
        return {name: _ms(begin, end) for name, (begin, end) in self._spans().items()}

    def starts_ms(self) -> Mapping[str, float]:
        """When each of these stages began, from the end of speech or the request. Stages overlap."""
        if self.turn is None:
            return {}
        return {name: _ms(self.turn.stopped_at, begin) for name, (begin, _) in self._spans().items()}

    def _spans(self) -> Mapping[str, tuple[float, float]]:
        turn, times = self.turn, self.times
        if turn is None:
            return {}
        spans = {
            "endpoint": (turn.stopped_at, turn.committed_at),
            "asr": (turn.stopped_at, turn.transcribed_at),
            "llm": (times.asked_at, times.first_token_at),
            "tts": (times.first_text_at, times.first_frame_at),
            "total": (turn.stopped_at, times.first_sent_at),
        }
        return {name: (begin, end) for name, (begin, end) in spans.items() if begin is not None and end is not None}


def _ms(begin: float, end: float) -> float:
    return round(max(0.0, end - begin) * 1000, 1)


CURRENT_REPLY: ContextVar[Reply] = ContextVar("voicechat_reply")
"""The reply that a task of the engine works for: set where the engine announces it, inherited by its tasks."""
