"""The person's turns: from the first sound to an item of the conversation, or to nothing."""

from __future__ import annotations

from collections.abc import Callable

from voicechat.conversation.clock import Clock
from voicechat.conversation.items import Message, new_id
from voicechat.conversation.ledger import Ledger
from voicechat.conversation.port import (
    ConversationEvent,
    SpeechBegan,
    SpeechEnded,
    TurnCommitted,
    TurnDiscarded,
    UserTranscript,
)
from voicechat.conversation.reply import TurnTimes

Emit = Callable[[ConversationEvent], None]


class UserTurn:
    """One turn in the making. It may pause and go on before the silence is long enough to end it."""

    def __init__(self, began_ms: int = 0) -> None:
        self.item_id = new_id("item")
        self.speaking = False
        self.unheard = 0
        self.words: list[str] = []
        self.ended_ms = began_ms
        self.times: TurnTimes | None = None

    @property
    def text(self) -> str:
        """The words so far."""
        return " ".join(self.words)


class UserTurns:
    """Tells of turns in their order: begun, ended, then committed or discarded.

    Who goes on after a pause begins and ends again in the same turn.
    """

    def __init__(self, emit: Emit, ledger: Ledger, clock: Clock, on_over: Callable[[], None]) -> None:
        self._on_over = on_over
        self._emit = emit
        self._ledger = ledger
        self._clock = clock
        self._turn: UserTurn | None = None

    @property
    def open(self) -> bool:
        """Whether the person has begun a turn that is not yet decided."""
        return self._turn is not None

    @property
    def speaking(self) -> bool:
        """Whether the person speaks now."""
        return self._turn is not None and self._turn.speaking

    def speech_began(self, at_ms: int) -> None:
        """Voice activity noticed speech."""
        if self._turn is None:
            self._turn = UserTurn(at_ms)
        elif self._turn.speaking:
            return
        self._turn.speaking = True
        self._emit(SpeechBegan(self._turn.item_id, at_ms))

    def speech_paused(self, at_ms: int, silence_s: float) -> None:
        """Voice activity noticed silence."""
        if (turn := self._turn) is None:
            return
        turn.speaking = False
        turn.ended_ms = at_ms
        turn.times = TurnTimes(self._clock.wall() - silence_s)
        self._emit(SpeechEnded(turn.item_id, at_ms))

    def asked(self) -> None:
        """The ears were asked for the words of what was said, and owe them."""
        if self._turn is not None:
            self._turn.unheard += 1

    def hearing(self, text: str, *, whole: bool) -> str:
        """Words so far, of what is being said or of the whole turn. Returns those of the turn."""
        if self._turn is None or not text:
            return ""
        words = " ".join([text] if whole else [*self._turn.words, text])
        self._emit(UserTranscript(self._turn.item_id, words, is_final=False))
        return words

    def heard(self, text: str, *, whole: bool) -> str:
        """The ears are done with a stretch of speech, or with the whole turn; empty where it takes no turn.

        Returns the words of the turn so far.
        """
        if (turn := self._turn) is None:
            return text
        turn.unheard = max(0, turn.unheard - 1)
        if text:
            turn.words = [text] if whole else [*turn.words, text]
            if turn.times is not None:
                turn.times.transcribed_at = self._clock.wall()
            self._emit(UserTranscript(turn.item_id, turn.text, is_final=False))
        elif not turn.words and not turn.speaking and not turn.unheard:
            self.discard()
        return turn.text

    def commit(self, text: str) -> TurnTimes | None:
        """The turn is the person's: it becomes an item. Returns its times, if its end was noticed at all."""
        noticed, self._turn = self._turn, None
        turn = noticed or UserTurn()
        self._on_over()
        if noticed is not None:
            self._fall_silent(noticed)
        if turn.times is not None:
            turn.times.committed_at = self._clock.wall()
        previous = self._ledger.add(Message(turn.item_id, "user", text))
        self._emit(TurnCommitted(turn.item_id, previous))
        self._emit(UserTranscript(turn.item_id, text, is_final=True))
        return turn.times

    def discard(self) -> None:
        """What was said takes no turn."""
        if (turn := self._turn) is None:
            return
        self._turn = None
        self._on_over()
        self._fall_silent(turn)
        self._emit(TurnDiscarded(turn.item_id))

    def _fall_silent(self, turn: UserTurn) -> None:
        """A turn may be decided while the person speaks: whoever was told of the speech is told of its end."""
        if turn.speaking:
            self._emit(SpeechEnded(turn.item_id, turn.ended_ms))
