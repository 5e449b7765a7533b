"""Conversations on shared ears, mind and voice."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from voicechat.asr.port import Ears
from voicechat.conversation.canceller import MakeCanceller
from voicechat.conversation.clock import Clock
from voicechat.conversation.detectors import Detector
from voicechat.conversation.engine import default_turn_detection, without_judge
from voicechat.conversation.items import Item
from voicechat.conversation.meter import Meter, Unmetered
from voicechat.conversation.mind import MakeLlm
from voicechat.conversation.places import Places, always_on_time
from voicechat.conversation.port import REPLYING, Conversation, ConversationConfig, TurnDetection
from voicechat.conversation.session import Session
from voicechat.conversation.vad import MakeVad
from voicechat.fleet.port import VoiceFleet
from voicechat.fleet.tally import Tally
from voicechat.settings import Settings


class SessionFactory:
    """A `ConversationFactory`. The models it is given outlive its conversations and are not closed by it."""

    def __init__(
        self,
        settings: Settings,
        fleet: VoiceFleet,
        ears: Ears,
        make_llm: MakeLlm,
        vad: MakeVad,
        *,
        detector: Detector | None = None,
        make_canceller: MakeCanceller | None = None,
        clock: Clock | None = None,
        lateness_ms: Callable[[], float] = always_on_time,
        meter: Meter | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._places = Places(settings.server, lateness_ms, lambda: fleet.capacity, tally)
        self._settings = settings
        self._fleet = fleet
        self._ears = ears
        self._make_llm = make_llm
        self._make_vad = vad
        self._detector = detector
        self._make_canceller = make_canceller
        self._clock = clock
        self._meter = meter or Unmetered()
        self._sessions: set[Session] = set()

    @property
    def active(self) -> int:
        """Conversations held now."""
        return len(self._sessions)

    @property
    def replying(self) -> int:
        """Conversations in which a reply is not over."""
        return sum(session.state in REPLYING for session in self._sessions)

    @property
    def load(self) -> float:
        """How busy the process is: 0 idle, 1 or more when it takes no conversation."""
        return self._places.load

    def default_config(self) -> ConversationConfig:
        """What a client that chooses nothing gets."""
        return ConversationConfig(
            instructions=self._settings.llm.instructions,
            voice=self._settings.tts.default_model,
            turn_detection=self._default_turns(),
        )

    def _default_turns(self) -> TurnDetection:
        chosen = self._settings.conversation
        turns = default_turn_detection(chosen)
        return turns if self._detector is not None else without_judge(turns, chosen)

    async def open(self, config: ConversationConfig, past: Sequence[Item] = ()) -> Conversation:
        """Start a conversation, or go on with `past`, once there is a place for it.

        Raises `CommandRefused` when there is none in time.
        """
        await self._places.take()
        session = Session(
            self._settings,
            config,
            self._fleet,
            self._ears,
            self._make_llm,
            self._make_vad,
            self._detector,
            self._make_canceller,
            on_closed=lambda: self._gone(session),
            meter=self._meter,
            clock=self._clock,
        )
        self._sessions.add(session)
        try:
            await session.start(past)
        except BaseException:
            await session.aclose()
            raise
        return session

    def _gone(self, session: Session) -> None:
        self._sessions.discard(session)
        self._places.give_back()

    async def aclose(self) -> None:
        """End every conversation."""
        for session in list(self._sessions):
            await session.aclose()
