"""How a reply is made: thought by the mind, spoken by the fleet."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing

from livekit import rtc
from livekit.agents import llm

from voicechat.conversation.clock import Clock
from voicechat.conversation.items import new_id
from voicechat.conversation.mind import Mind
from voicechat.conversation.port import ConversationConfig
from voicechat.conversation.replies import Replies
from voicechat.conversation.reply import Failure, Reply
from voicechat.conversation.voice import ReplyVoice
from voicechat.fleet.port import SpeechRequest, VoiceError, VoiceFleet
from voicechat.settings import TtsSettings


class ReplyBrain:
    """What the engine's agent asks, with the configuration that holds when it asks."""

    def __init__(
        self,
        settings: TtsSettings,
        fleet: VoiceFleet,
        mind: Mind,
        replies: Replies,
        clock: Clock,
        config: Callable[[], ConversationConfig],
        on_turn: Callable[[str], bool],
    ) -> None:
        self._settings = settings
        self._session = new_id("call")
        self._fleet = fleet
        self._mind = mind
        self._replies = replies
        self._clock = clock
        self._config = config
        self._on_turn = on_turn

    async def think(self, reply: Reply, told: llm.ChatContext) -> AsyncGenerator[str, None]:
        """The text of a reply; one that is thought of early hears the words that are not yet a turn."""
        if reply.pending_words is not None:
            reply.pending_words = _last_words(told)
        thought = self._mind.think(reply, self._config(), lambda call: self._replies.tool_call(reply, call))
        async with aclosing(thought) as texts:
            async for text in texts:
                yield text

    async def speak(self, reply: Reply, text: AsyncIterable[str]) -> AsyncGenerator[rtc.AudioFrame, None]:
        """The audio of a reply. Raises `VoiceError`, which the reply keeps as its failure."""
        reply.voice = ReplyVoice(self._fleet, self._speech_request(reply), reply.spoken)
        try:
            async with aclosing(reply.voice.frames(text, lambda: self._first_text(reply))) as frames:
                async for frame in frames:
                    reply.times.first_frame_at = reply.times.first_frame_at or self._clock.wall()
                    yield frame
        except VoiceError as error:
            reply.failure = Failure(f"voice_{error.code.lower()}", f"the reply could not be spoken: {error}")
            raise
        finally:
            reply.times.spoken_at = self._clock.wall()

    def turn_taken(self, text: str) -> bool:
        """The person's turn has ended; whether a reply is wanted."""
        return self._on_turn(text)

    def _first_text(self, reply: Reply) -> None:
        reply.times.first_text_at = reply.times.first_text_at or self._clock.wall()

    def _speech_request(self, reply: Reply) -> SpeechRequest:
        config = self._config()
        model = self._settings.aliases.get(config.voice, config.voice)
        return SpeechRequest(
            model_id=self._settings.default_model if model in ("", "default") else model,
            speed=config.speed,
            request_id=reply.id,
            session=self._session,
            trace=None if reply.trace is None else reply.trace.voice,
        )


def _last_words(told: llm.ChatContext) -> str:
    words = (m.raw_text_content for m in reversed(told.messages()) if m.role == "user")
    return next(words, None) or ""
