"""The engine under a conversation: livekit-agents' `AgentSession` without a room, with every remote part switched off.

The few private parts of the engine that are touched are touched here; its version is pinned.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import replace
from typing import Any, Protocol

from livekit import rtc
from livekit.agents import (
    Agent,
    AgentSession,
    APIConnectOptions,
    CloseReason,
    ModelSettings,
    StopResponse,
    llm,
    stt,
    tts,
    vad,
)
from livekit.agents.voice import io
from livekit.agents.voice.agent_session import SessionConnectOptions
from livekit.agents.voice.turn import TurnHandlingOptions

from voicechat.conversation.detectors import Detector
from voicechat.conversation.port import TurnDetection
from voicechat.conversation.reply import CURRENT_REPLY, Reply
from voicechat.settings import ConversationSettings, EndOfTurn, LlmSettings

NO_LIMIT = 1_000_000_000
"""Errors after which the engine would end the conversation by itself."""
PREPARED_REPLIES = 10
"""Of a turn with many pauses, before its end is waited for."""
ONLY_WORDS_PAUSE_S = 3600.0
"""A minimal duration of speech that no speech reaches."""

Engine = AgentSession[None]


class Brain(Protocol):
    """What the engine's agent asks of the conversation."""

    def think(self, reply: Reply, told: llm.ChatContext) -> AsyncGenerator[str, None]:
        """The text of a reply."""

    def speak(self, reply: Reply, text: AsyncIterable[str]) -> AsyncGenerator[rtc.AudioFrame, None]:
        """The audio of a reply."""

    def turn_taken(self, text: str) -> bool:
        """The person's turn has ended; whether a reply is wanted."""


class Assistant(Agent):
    """The engine's agent: its nodes are the conversation's own."""

    def __init__(self, brain: Brain) -> None:
        super().__init__(instructions="")
        self._brain = brain

    def llm_node(
        self, chat_ctx: llm.ChatContext, tools: list[llm.Tool], model_settings: ModelSettings
    ) -> AsyncIterable[str]:
        """Text, from the conversation's own history."""
        return self._brain.think(CURRENT_REPLY.get(), chat_ctx)

    def tts_node(self, text: AsyncIterable[str], model_settings: ModelSettings) -> AsyncIterable[rtc.AudioFrame]:
        """Audio, from the fleet."""
        return self._brain.speak(CURRENT_REPLY.get(), text)

    async def on_user_turn_completed(self, turn_ctx: llm.ChatContext, new_message: llm.ChatMessage) -> None:
        """The turn is the person's."""
        if not self._brain.turn_taken(new_message.raw_text_content or ""):
            raise StopResponse


class ReplyTextOutput(io.TextOutput):
    """Where the engine sends a reply's text as it is about to be heard."""

    def __init__(self, on_text: Any) -> None:
        super().__init__(label="voicechat", next_in_chain=None)
        self._on_text = on_text

    async def capture_text(self, text: str) -> None:
        """More text of the reply that the calling task works for."""
        self._on_text(CURRENT_REPLY.get(), str(text))

    def flush(self) -> None:
        """The text is complete; the end of the reply says so."""


def make_engine(
    *,
    ears: stt.STT[Any],
    detector: vad.VAD,
    mind: llm.LLM[Any],
    voice: tts.TTS[Any],
    settings: ConversationSettings,
) -> Engine:
    """An engine that keeps to this machine and never ends by itself."""
    return AgentSession(
        stt=ears,
        vad=detector,
        llm=mind,
        tts=voice,
        turn_handling=_turn_handling(settings),
        use_tts_aligned_transcript=True,
        # The worker normalises text, and history keeps it as it was written.
        tts_text_transforms=None,
        aec_warmup_duration=None,
        user_away_timeout=None,
        session_close_transcript_timeout=0.0,
        conn_options=SessionConnectOptions(
            stt_conn_options=APIConnectOptions(max_retry=0),
            tts_conn_options=APIConnectOptions(max_retry=0),
            max_unrecoverable_errors=NO_LIMIT,
        ),
    )


def mind_options(settings: LlmSettings) -> APIConnectOptions:
    """One more try, soon: a language model that is being restarted is back within a second."""
    return APIConnectOptions(max_retry=1, retry_interval=0.3, timeout=settings.request_timeout_s)


def apply_turn_detection(engine: Engine, turn: TurnDetection, detector: Detector | None) -> None:
    """Change turn taking in the middle of a conversation. `detector` judges the turns that want a judge."""
    silence_s = turn.silence_duration_ms / 1000
    longest_s = silence_s if turn.unfinished_ms is None else turn.unfinished_ms / 1000
    engine.update_options(endpointing_opts={"min_delay": silence_s, "max_delay": longest_s})
    judge: Any = "vad" if turn.unfinished_ms is None or detector is None else detector
    if engine.turn_detection is not judge:
        engine.update_options(turn_detection=judge)
    engine.options.interruption["enabled"] = turn.interrupt_response
    engine.options.preemptive_generation["enabled"] = turn.create_response


def without_judge(turn: TurnDetection, settings: ConversationSettings) -> TurnDetection:
    """The same where nothing judges turns: silence decides, and so it must be long enough to be sure."""
    if turn.unfinished_ms is None:
        return turn
    silence_ms = max(turn.silence_duration_ms, settings.endpointing_ms)
    return replace(turn, silence_duration_ms=silence_ms, unfinished_ms=None)


def interruption_duration(engine: Engine) -> float:
    """Speech over a reply that pauses it, s."""
    return float(engine.options.interruption["min_duration"])


def set_interruption_duration(engine: Engine, seconds: float) -> None:
    """Speech over a reply that pauses it."""
    engine.options.interruption["min_duration"] = seconds


def default_turn_detection(settings: ConversationSettings) -> TurnDetection:
    """What a client that chooses nothing gets."""
    by_silence = TurnDetection(settings.vad_threshold, settings.vad_prefix_padding_ms, settings.endpointing_ms)
    if settings.end_of_turn is EndOfTurn.VAD:
        return by_silence
    return replace(by_silence, silence_duration_ms=settings.finished_ms, unfinished_ms=settings.unfinished_ms)


async def commit_turn(engine: Engine) -> None:
    """End the person's turn now, as if the silence had been long enough."""
    await engine.commit_user_turn(transcript_timeout=10.0)


def start_over(engine: Engine) -> None:
    """The person goes on: a turn must not end on the words told so far, and no reply to them is wanted."""
    activity = engine._activity
    if activity is None:
        return
    activity._cancel_preemptive_generation()
    if (recognition := activity._audio_recognition) is not None:
        recognition._audio_transcript = recognition._audio_interim_transcript = ""
        recognition._audio_preflight_transcript = ""
        recognition._final_transcript_confidence = []


async def end(engine: Engine) -> None:
    """End the engine. Its own close would first make a turn of what is being said, which nobody is left to hear."""
    await engine._aclose_impl(reason=CloseReason.ERROR)


def go_on_soon(engine: Engine) -> None:
    """Resume a paused reply as soon as no turn decision is open: what was heard takes no turn.

    The engine would wait for its timeout, which it offers no way to shorten.
    """
    activity = engine._activity
    if activity is not None and activity._paused_speech is not None:
        activity._start_false_interruption_timer(0.0)


def forget_past_events(engine: Engine) -> None:
    """The engine keeps every event for a report that is never made; memory must not grow with the conversation."""
    engine._recorded_events.clear()


def _turn_handling(settings: ConversationSettings) -> TurnHandlingOptions:
    silence_s = settings.endpointing_ms / 1000
    return {
        # Said explicitly: the defaults may choose detectors that run in a cloud.
        "turn_detection": "vad",
        "endpointing": {"mode": "fixed", "min_delay": silence_s, "max_delay": silence_s},
        "interruption": {
            "enabled": True,
            "mode": "vad",
            "min_duration": settings.min_interruption_ms / 1000,
            "min_words": 0,
            "resume_false_interruption": True,
            "false_interruption_timeout": settings.false_interruption_timeout_s,
            "backchannel_boundary": None,
        },
        "preemptive_generation": {
            "enabled": True,
            "preemptive_tts": True,
            "max_speech_duration": 30.0,
            "max_retries": PREPARED_REPLIES,
        },
    }
