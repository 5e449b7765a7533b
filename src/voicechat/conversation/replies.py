"""The assistant's replies, told to the client in their order: started, text and audio, finished."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import structlog
from livekit.agents.voice import SpeechHandle

from voicechat.audio.pcm import Pcm16, samples_to_ms
from voicechat.conversation.clock import Clock
from voicechat.conversation.items import Message, ToolCall
from voicechat.conversation.ledger import Ledger
from voicechat.conversation.meter import Meter
from voicechat.conversation.playout import RATE_HZ, Track
from voicechat.conversation.port import (
    CommandRefused,
    ConversationFailed,
    ItemTruncated,
    ReplyAudio,
    ReplyCleared,
    ReplyFinished,
    ReplyOptions,
    ReplyStarted,
    ReplyStatus,
    ReplyText,
    ReplyToolCall,
    TurnMeasured,
)
from voicechat.conversation.reply import CURRENT_REPLY, Failure, Reply, ReplyPhase, TurnTimes
from voicechat.conversation.traced import begin_turn, turn_over
from voicechat.conversation.turns import Emit

log = structlog.get_logger()

KEPT = 16
"""Replies whose word times are kept, for clients that report late what was heard."""


class Replies:
    """Every reply from its making to its end; the sink of the playout."""

    def __init__(
        self,
        emit: Emit,
        ledger: Ledger,
        clock: Clock,
        on_opened: Callable[[], None],
        on_finished: Callable[[Reply], None],
        meter: Meter,
    ) -> None:
        self._emit = emit
        self._ledger = ledger
        self._clock = clock
        self._on_opened = on_opened
        self._on_finished = on_finished
        self._meter = meter
        self._recent: OrderedDict[str, Reply] = OrderedDict()
        self._newest: Reply | None = None
        self._turn: TurnTimes | None = None
        self.current: Reply | None = None

    # --- from the engine

    def create(self, handle: SpeechHandle, options: ReplyOptions, *, wants_audio: bool) -> Reply:
        """A reply was thought of; the tasks that the engine starts next work for it."""
        reply = self._newest = Reply(handle, options, wants_audio)
        CURRENT_REPLY.set(reply)
        begin_turn(reply)
        structlog.contextvars.bind_contextvars(**reply.in_logs)
        handle.add_done_callback(lambda _: self._done(reply))
        return reply

    def answer(self, turn: TurnTimes | None) -> None:
        """The reply that opens next answers this turn, or none."""
        self._turn = turn

    def open_scheduled(self) -> None:
        """Tell of the newest reply, once the engine has taken it."""
        newest = self._newest
        if newest is not None and newest.phase is ReplyPhase.PREPARED and newest.handle.scheduled:
            self.open(newest)

    def open(self, reply: Reply) -> None:
        """Tell of a reply, once."""
        if reply.phase is not ReplyPhase.PREPARED:
            return
        reply.phase = ReplyPhase.OPEN
        reply.turn, self._turn = self._turn, None
        self.current = reply
        self._recent[reply.item_id] = reply
        if len(self._recent) > KEPT:
            self._recent.popitem(last=False)
        previous = self._ledger.add(Message(reply.item_id, "assistant", ""))
        self._emit(ReplyStarted(reply.id, reply.item_id, previous, reply.options.metadata or None))
        for call in reply.tool_calls:
            self._tell_call(reply, call)
        self._on_opened()

    def text(self, reply: Reply, delta: str) -> None:
        """More of a reply is about to be heard."""
        self.open(reply)
        if reply.phase is ReplyPhase.OPEN:
            self._emit(ReplyText(reply.id, delta))

    def tool_call(self, reply: Reply, call: ToolCall) -> None:
        """The mind asks for a function."""
        reply.tool_calls.append(call)
        if reply.phase is ReplyPhase.OPEN:
            self._tell_call(reply, call)

    # --- from the playout

    def audio(self, track: Track, pcm: Pcm16, offset_samples: int) -> None:
        """Send audio of a reply."""
        assert isinstance(track, Reply)
        self.open(track)
        offset_ms = samples_to_ms(offset_samples, RATE_HZ)
        track.sent_ms = offset_ms + samples_to_ms(pcm.size, RATE_HZ)
        self._emit(ReplyAudio(track.id, track.item_id, pcm, offset_ms))
        if track.times.first_sent_at is None:
            track.times.first_sent_at = self._clock.wall()
            if stages := track.stages_ms():
                self._emit(TurnMeasured(track.id, stages, track.starts_ms(), track.trace_id))

    def cleared(self, track: Track, heard_ms: float) -> None:
        """A reply was cut."""
        assert isinstance(track, Reply)
        if track.heard_ms is None:
            track.heard_ms = heard_ms
        track.cleared = True
        self._emit(ReplyCleared(track.id, track.item_id))

    def tick(self, late_s: float) -> None:
        """The playout clock came so late."""
        self._meter.ticked(late_s)

    def underrun(self, track: Track) -> None:
        """The listener ran dry."""
        assert isinstance(track, Reply)
        self._meter.ran_dry()
        log.warning("the voice fell behind the listener", reply=track.id)

    def ducked(self, after_s: float) -> None:
        """A reply that somebody speaks over is quieter."""
        self._meter.ducked(after_s)

    def silenced(self, after_s: float) -> None:
        """A reply that somebody speaks over is silent."""
        self._meter.silenced(after_s)

    # --- from the client

    def recent(self, item_id: str) -> Reply:
        """A reply whose word times are still known."""
        if (reply := self._recent.get(item_id)) is not None:
            return reply
        if item_id in self._ledger:
            raise CommandRefused(
                "item_not_truncatable", f"item '{item_id}' is not one of the last {KEPT} spoken replies"
            )
        raise CommandRefused("item_not_found", f"there is no item '{item_id}' in this conversation")

    def truncate(self, item_id: str, audio_end_ms: int) -> Reply:
        """The client heard this much of a reply, and no more."""
        reply = self.recent(item_id)
        if audio_end_ms < 0:
            raise CommandRefused("invalid_value", f"audio_end_ms is {audio_end_ms}; it counts from 0")
        reply.heard_ms = min(float(audio_end_ms), reply.sent_ms)
        text = reply.heard_text(reply.heard_ms).strip()
        if reply.phase is ReplyPhase.FINISHED:
            self._ledger.set_text(item_id, text)
        self._emit(ItemTruncated(item_id, audio_end_ms, text))
        return reply

    def correct(self, reply: Reply, audio_end_ms: int) -> None:
        """A report that comes after the cut says what was heard before it."""
        if not reply.cleared or reply.heard_ms is None:
            return
        text = reply.heard_text(min(float(audio_end_ms), reply.sent_ms)).strip()
        if text != reply.final_text:
            reply.final_text = text
            self.truncate(reply.item_id, audio_end_ms)

    # --- the end

    def _done(self, reply: Reply) -> None:
        if reply.phase is ReplyPhase.PREPARED and reply.handle.scheduled:
            self.open(reply)
        if reply.phase is ReplyPhase.OPEN:
            self._finish(reply)
            stages = {f"{stage}_ms": round(ms) for stage, ms in reply.stages_ms().items()}
            log.info("reply over", **reply.in_logs, status=reply.status, sent_ms=round(reply.sent_ms), **stages)
        reply.phase = ReplyPhase.FINISHED
        reply.voice = reply.engaged = None
        turn_over(reply, self._clock.wall())

    def _finish(self, reply: Reply) -> None:
        status, reason = self._outcome(reply)
        reply.status = status.value
        if status is ReplyStatus.CANCELLED and reply.wants_audio and not reply.cleared:
            self._emit(ReplyCleared(reply.id, reply.item_id))
        if status is not ReplyStatus.COMPLETED and reply.sent_ms:
            # A voice that failed has timed words beyond the audio that it gave.
            reply.final_text = reply.heard_text(reply.sent_ms if reply.heard_ms is None else reply.heard_ms)
        reply.final_text = reply.final_text.strip()
        self._ledger.set_text(reply.item_id, reply.final_text)
        if reply.failure is not None:
            self._emit(ConversationFailed(reply.failure.message, reply.failure.code))
        self._emit(self._finished(reply, status, reason))
        if self.current is reply:
            self.current = None
        self._on_finished(reply)

    def _outcome(self, reply: Reply) -> tuple[ReplyStatus, str]:
        if reply.handle.interrupted and reply.failure is None:
            return ReplyStatus.CANCELLED, reply.cancel_reason
        error = reply.handle.exception()
        if reply.failure is None and error is not None:
            reply.failure = Failure("mind_failed", f"the language model did not answer: {error}")
        if reply.failure is not None:
            return ReplyStatus.FAILED, reply.failure.code
        return ReplyStatus.COMPLETED, "tool_calls" if reply.tool_calls else "stop"

    def _finished(self, reply: Reply, status: ReplyStatus, reason: str) -> ReplyFinished:
        heard_ms = reply.sent_ms if status is ReplyStatus.COMPLETED or reply.heard_ms is None else reply.heard_ms
        return ReplyFinished(
            reply.id,
            reply.item_id,
            status,
            reason,
            reply.final_text,
            round(heard_ms),
            reply.input_tokens,
            reply.output_tokens,
        )

    def _tell_call(self, reply: Reply, call: ToolCall) -> None:
        self._ledger.add(call)
        self._emit(ReplyToolCall(reply.id, call.id, call.call_id, call.name, call.arguments))
