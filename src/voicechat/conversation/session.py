"""One conversation: the engine, the person's turns, the replies and the playout, behind the commands of the port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import structlog
from livekit.agents import AgentStateChangedEvent, CloseEvent, ConversationItemAddedEvent, ErrorEvent, llm, stt
from livekit.agents.voice import SpeechCreatedEvent

from voicechat.asr.port import EARS_RATE_HZ, Ears
from voicechat.audio.live import LiveResampler
from voicechat.conversation import engine as engines
from voicechat.conversation.brain import ReplyBrain
from voicechat.conversation.canceller import EchoCanceller, MakeCanceller
from voicechat.conversation.clock import Clock, LoopClock
from voicechat.conversation.detectors import Detector
from voicechat.conversation.ears import SessionEars
from voicechat.conversation.floor import Floor
from voicechat.conversation.items import Item, Message, ToolOutput, new_id
from voicechat.conversation.lead import AdaptiveLead
from voicechat.conversation.ledger import Ledger
from voicechat.conversation.manual import ManualTurns
from voicechat.conversation.meter import Meter
from voicechat.conversation.microphone import Microphone
from voicechat.conversation.mind import MakeLlm, Mind
from voicechat.conversation.outbox import Outbox
from voicechat.conversation.playout import Playout
from voicechat.conversation.port import (
    CommandRefused,
    ConversationConfig,
    ConversationEvent,
    ConversationFailed,
    ConversationState,
    HistoryItem,
    ReplyOptions,
    StateChanged,
)
from voicechat.conversation.replies import Replies
from voicechat.conversation.reply import CURRENT_REPLY, Reply, ReplyPhase, TurnTimes
from voicechat.conversation.state import StateMachine
from voicechat.conversation.tasks import TaskOwner
from voicechat.conversation.turns import UserTurns
from voicechat.conversation.vad import MakeVad, WatchedVad, update_vad
from voicechat.conversation.voice import FleetVoice
from voicechat.fleet.port import VoiceFleet
from voicechat.settings import Settings

log = structlog.get_logger()

RATES_HZ = (8_000, 48_000)
"""Lowest and highest sample rate of microphone audio."""
ONLY_WORDS_PAUSE_S = 2.0
"""Time from the start in which echo cancellation of the client settles, and voice activity alone pauses nothing."""

Role = Literal["user", "assistant", "system"]


class Session:
    """A `Conversation`. Made by `open_session`; `aclose` ends it."""

    def __init__(
        self,
        settings: Settings,
        config: ConversationConfig,
        fleet: VoiceFleet,
        ears: Ears,
        make_llm: MakeLlm,
        make_vad: MakeVad,
        detector: Detector | None,
        make_canceller: MakeCanceller | None,
        on_closed: Callable[[], None],
        meter: Meter,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._config = config
        self._clock = clock or LoopClock()
        self._detector = detector
        self._on_closed = on_closed
        self._tasks = TaskOwner()
        self._outbox = Outbox(self._clock, self._reader_is_slow)
        self._machine = StateMachine(lambda state: self._outbox.put(StateChanged(state)))
        self._ledger = Ledger()
        self._turns = UserTurns(self._outbox.put, self._ledger, self._clock, lambda: self._ears.turn_over())
        self._replies = Replies(
            self._outbox.put, self._ledger, self._clock, self._reply_opened, self._reply_finished, meter
        )
        canceller = make_canceller() if make_canceller is not None else None
        self._playout = self._make_playout(canceller)
        self._forget_slack = ears.slack.watch(self._playout.slack_s)
        self._microphone = Microphone(self._clock, settings.conversation.jitter_buffer_ms, canceller)
        self._converter = LiveResampler(EARS_RATE_HZ)
        self._manual = ManualTurns(
            ears, lambda: self._config.language, self._ledger, self._outbox.put, self._reply_if_asked, self._tasks
        )
        self._floor = Floor(
            self._turns,
            self._playout,
            lambda: self._replies.current if self._playout.audible is not None else None,
            lambda: engines.go_on_soon(self._engine),
            lambda: engines.start_over(self._engine),
            lambda: self._config.language or settings.asr.language,
        )
        self._mind = Mind(
            make_llm, self._ledger, self._clock, settings.llm.history_tokens, engines.mind_options(settings.llm)
        )
        self._brain = ReplyBrain(
            settings.tts, fleet, self._mind, self._replies, self._clock, lambda: self._config, self._turn_taken
        )
        self._ears = SessionEars(ears, self._floor, lambda: self._config.language)
        self._floor.ears = self._ears
        first_turn = config.turn_detection or engines.default_turn_detection(settings.conversation)
        self._vad = WatchedVad(
            make_vad(first_turn),
            self._floor.on_voice_activity,
            lambda: engines.interruption_duration(self._engine),
            self._playout.speech_lasts,
        )
        self._engine = engines.make_engine(
            ears=self._ears, detector=self._vad, mind=self._mind.llm, voice=FleetVoice(), settings=settings.conversation
        )
        self._asked: ReplyOptions | None = None
        self._deferred: ReplyOptions | None = None
        self._asked_times: TurnTimes | None = None
        self._turn_decided = False
        self._timers: list[asyncio.TimerHandle] = []
        self._closing: asyncio.Task[None] | None = None
        self._closed = False

    async def start(self, past: Sequence[Item] = ()) -> None:
        """Begin to listen; who was here before, as `past` tells, is not greeted again."""
        for item in past:
            self._ledger.add(item)
        self._listen_to_engine()
        self._engine.input.audio = self._microphone
        self._engine.output.audio = self._playout
        self._engine.output.transcription = engines.ReplyTextOutput(self._replies.text)
        self._apply(self._config)
        self._tasks.start(self._playout.run(), "playout clock")
        engines.set_interruption_duration(self._engine, engines.ONLY_WORDS_PAUSE_S)
        await self._engine.start(engines.Assistant(self._brain), record=False, session_host=False)
        self._set_timers()
        if self._config.greets and (greeting := self._settings.conversation.greeting) and not past:
            self._turn_decided = True
            self._engine.say(greeting)

    # --- the port

    @property
    def state(self) -> ConversationState:
        """What the assistant is doing."""
        return self._machine.state

    @property
    def history(self) -> Sequence[HistoryItem]:
        """The conversation so far."""
        return self._ledger.history()

    def events(self) -> AsyncIterator[ConversationEvent]:
        """Events in order, once."""
        return self._outbox.read()

    def push_audio(self, pcm: npt.NDArray[np.int16], sample_rate_hz: int) -> None:
        """Take microphone audio."""
        if not RATES_HZ[0] <= sample_rate_hz <= RATES_HZ[1]:
            raise CommandRefused(
                "invalid_sample_rate",
                f"audio at {sample_rate_hz} Hz is not taken; send {RATES_HZ[0]} to {RATES_HZ[1]} Hz",
            )
        if self._closed:
            return
        samples = self._converter.push(np.asarray(pcm, dtype=np.int16), sample_rate_hz)
        if self._config.turn_detection is None:
            self._manual.push(samples)
        else:
            self._microphone.push(samples)

    def commit_turn(self) -> None:
        """What was pushed is a turn."""
        self._refuse_when_closed()
        if self._config.turn_detection is None:
            self._manual.push(self._converter.finish())
            self._manual.commit()
        elif self._turns.open:
            self._tasks.start(engines.commit_turn(self._engine), "commit turn")
        else:
            raise CommandRefused("input_audio_buffer_commit_empty", "no speech was noticed that could be a turn")

    def clear_turn(self) -> None:
        """Forget what was pushed and not committed."""
        self._refuse_when_closed()
        if self._config.turn_detection is None:
            self._manual.clear()
            return
        self._microphone.clear()
        self._engine.clear_user_turn()
        self._turns.discard()

    def create_reply(self, options: ReplyOptions | None = None) -> None:
        """Ask for a reply now."""
        self._refuse_when_closed()
        current = self._replies.current
        if self._deferred is not None or (current is not None and not current.handle.interrupted):
            raise CommandRefused(
                "conversation_already_has_active_response", "a reply is in progress; cancel it or wait for its end"
            )
        self._deferred = options or ReplyOptions()
        self._asked_times = TurnTimes(self._clock.wall())
        self._reply_if_asked()

    def cancel_reply(self) -> None:
        """Stop the reply in progress."""
        self._refuse_when_closed()
        current = self._replies.current
        if self._deferred is not None and current is None:
            self._deferred = None
            return
        if current is None or current.handle.interrupted:
            raise CommandRefused("response_cancel_not_active", "no reply is in progress")
        current.cancel_reason = "client_cancelled"
        self._engine.interrupt(force=True)

    def add_text(self, role: Role, text: str, item_id: str | None = None) -> str:
        """Add an item to the history."""
        self._refuse_when_closed()
        message = Message(item_id or new_id("item"), role, text)
        self._ledger.add(message)
        return message.id

    def add_tool_output(self, call_id: str, output: str, item_id: str | None = None) -> str:
        """Answer a tool call."""
        self._refuse_when_closed()
        self._ledger.call(call_id)
        answer = ToolOutput(item_id or new_id("item"), call_id, output)
        self._ledger.add(answer)
        return answer.id

    def delete_item(self, item_id: str) -> None:
        """Remove an item from the history."""
        self._refuse_when_closed()
        self._ledger.remove(item_id)

    def truncate(self, item_id: str, audio_end_ms: int) -> None:
        """The client heard this much of a reply."""
        self._refuse_when_closed()
        reply = self._replies.truncate(item_id, audio_end_ms)
        self._playout.report(reply, audio_end_ms)

    def played(self, item_id: str, audio_end_ms: int) -> None:
        """What our client has played."""
        self._refuse_when_closed()
        reply = self._replies.recent(item_id)
        if reply.phase is ReplyPhase.OPEN:
            self._playout.report(reply, audio_end_ms)
        else:
            self._replies.correct(reply, audio_end_ms)

    def configure(self, config: ConversationConfig) -> None:
        """Change what a client may choose."""
        self._refuse_when_closed()
        self._apply(config)

    async def aclose(self) -> None:
        """End the conversation; nothing of it is left when this returns."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="close conversation")
        await asyncio.shield(self._closing)

    # --- what the engine tells

    def _listen_to_engine(self) -> None:
        self._engine.on("speech_created", self._on_speech_created)
        self._engine.on("agent_state_changed", self._on_agent_state)
        self._engine.on("conversation_item_added", self._on_item_added)
        self._engine.on("error", self._on_error)
        self._engine.on("close", self._on_engine_closed)

    def _on_speech_created(self, event: SpeechCreatedEvent) -> None:
        engines.forget_past_events(self._engine)
        options, self._asked = self._asked or ReplyOptions(), None
        early = not self._turn_decided
        self._turn_decided = False
        wants_audio = self._config.audio_reply if options.audio_reply is None else options.audio_reply
        # The engine reads the switch when the reply's task begins, which is before any other reply is made.
        self._engine.output.set_audio_enabled(wants_audio)
        reply = self._replies.create(event.speech_handle, options, wants_audio=wants_audio)
        reply.pending_words = "" if early else None

    def _on_agent_state(self, event: AgentStateChangedEvent) -> None:
        if event.new_state == "thinking":
            self._replies.open_scheduled()
            self._machine.move(ConversationState.THINKING)
        elif event.new_state == "speaking":
            self._machine.move(ConversationState.SPEAKING)
        elif event.new_state == "listening":
            waits = self._playout.paused and self._replies.current is not None
            self._machine.move(ConversationState.INTERRUPTED if waits else ConversationState.LISTENING)

    def _on_item_added(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if isinstance(item, llm.ChatMessage) and item.role == "assistant":
            CURRENT_REPLY.get().final_text = item.raw_text_content or ""

    def _on_error(self, event: ErrorEvent) -> None:
        if isinstance(event.error, stt.STTError):
            self._outbox.put(ConversationFailed(str(event.error.error), "ears_failed"))
            self._turns.discard()

    def _on_engine_closed(self, event: CloseEvent) -> None:
        if self._closing is None and not self._closed:
            self._end("engine_closed", "the conversation ended unexpectedly; start another")

    # --- our own

    def _turn_taken(self, text: str) -> bool:
        """The person's turn has ended; whether a reply is wanted."""
        engines.forget_past_events(self._engine)
        times = self._turns.commit(text)
        turn = self._config.turn_detection
        if turn is None or not turn.create_response:
            return False
        self._turn_decided = True
        self._replies.answer(times)
        return True

    def _reply_opened(self) -> None:
        self._turn_decided = False

    def _reply_finished(self, reply: Reply) -> None:
        if self._machine.state is ConversationState.INTERRUPTED:
            self._machine.move(ConversationState.LISTENING)
        self._reply_if_asked()

    def _reply_if_asked(self) -> None:
        """Make the reply that was asked for, once the words it answers are known and the one before is over."""
        if self._deferred is None or self._closed or self._manual.waiting or self._replies.current is not None:
            return
        self._asked, self._deferred = self._deferred, None
        self._turn_decided = True
        self._replies.answer(self._asked_times)
        self._engine.generate_reply()
        # From now on it can be cancelled, and no other can be asked for.
        self._replies.open_scheduled()

    def _apply(self, config: ConversationConfig) -> None:
        self._config = config
        self._mind.configure(config)
        turn = config.turn_detection
        self._microphone.mute(turn is None)
        if turn is None:
            return
        if self._detector is None:
            turn = engines.without_judge(turn, self._settings.conversation)
        engines.apply_turn_detection(self._engine, turn, self._detector)
        update_vad(self._vad.inner, turn)
        self._ears.pad(turn.prefix_padding_ms)
        self._floor.configure(turn)

    def _make_playout(self, canceller: EchoCanceller | None) -> Playout:
        chosen = self._settings.conversation
        return Playout(
            self._replies,
            CURRENT_REPLY.get,
            self._clock,
            AdaptiveLead(chosen.playout_lead_min_ms, chosen.playout_lead_max_ms),
            duck_db=chosen.duck_db,
            duck_deep_db=chosen.duck_deep_db,
            canceller=canceller,
        )

    def _set_timers(self) -> None:
        loop = asyncio.get_running_loop()
        chosen = self._settings.conversation
        duration_s = chosen.min_interruption_ms / 1000
        expired = f"conversations last at most {chosen.max_session_s:.0f} s (conversation.max_session_s); start another"
        self._timers = [
            loop.call_later(ONLY_WORDS_PAUSE_S, engines.set_interruption_duration, self._engine, duration_s),
            loop.call_later(chosen.max_session_s, self._end, "session_expired", expired),
        ]

    def _reader_is_slow(self) -> None:
        log.warning("the client does not read; its conversation ends")
        self._end("reader_too_slow", "events were not read for 30 s")

    def _end(self, code: str, message: str) -> None:
        self._outbox.put(ConversationFailed(message, code, fatal=True))
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="close conversation")

    def _refuse_when_closed(self) -> None:
        if self._closed or self._closing is not None:
            raise CommandRefused("conversation_closed", "the conversation has ended; start another")

    async def _close(self) -> None:
        self._deferred = None
        for timer in self._timers:
            timer.cancel()
        self._microphone.close()
        try:
            await engines.end(self._engine)
        finally:
            await self._manual.aclose()
            self._forget_slack()
            await self._tasks.aclose()
            await self._mind.aclose()
            self._closed = True
            self._machine.move(ConversationState.TERMINATED)
            self._outbox.close()
            self._on_closed()
