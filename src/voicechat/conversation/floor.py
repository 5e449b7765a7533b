"""Who has the floor: what the person's voice does to a reply that is being spoken.

What may be speech ducks, lasting speech ducks deeper, and the engine pauses at its minimal duration. Words then
decide: a listener's "mm-hm" and the reply's own echo take no turn, so the reply goes on; anything else is passed on and
cuts it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from livekit.agents.vad import VADEvent, VADEventType

from voicechat.asr.port import Transcript
from voicechat.conversation.backchannels import is_backchannel
from voicechat.conversation.echo import is_echo
from voicechat.conversation.playout import Playout
from voicechat.conversation.port import TurnDetection
from voicechat.conversation.reply import Reply
from voicechat.conversation.turns import UserTurns

LASTING_S = 0.1
"""Speech over the reply that ducks it deeper."""
GOES_ON_S = 0.06
"""Speech after a pause that is more than a breath: two windows."""


class UtteranceGate(Protocol):
    """The ears, told when an utterance begins."""

    def speech_began(self) -> None:
        """Recognise from a little before now."""

    def ask_now(self) -> None:
        """Recognise what was said."""


class Floor:
    """Hears of voice activity and of words before the engine does."""

    def __init__(
        self,
        turns: UserTurns,
        playout: Playout,
        spoken_now: Callable[[], Reply | None],
        go_on: Callable[[], None],
        start_over: Callable[[], None],
        language: Callable[[], str],
    ) -> None:
        self._turns = turns
        self._playout = playout
        self._spoken_now = spoken_now
        self._go_on = go_on
        self._start_over = start_over
        self._language = language
        self._overlapped: Reply | None = None
        self._prefix_ms = 0
        self._yields = True
        self._speech_s = 0.0
        self._prepared = False
        self.ears: UtteranceGate | None = None

    def configure(self, turn: TurnDetection) -> None:
        """What the client chose of turn taking."""
        self._prefix_ms = turn.prefix_padding_ms
        self._yields = turn.interrupt_response

    def on_voice_activity(self, event: VADEvent, possible: bool) -> None:
        """Voice activity, before the engine acts on it. `possible`: somebody may be speaking."""
        self._speech_s = event.raw_accumulated_speech
        if self._prepared and self._speech_s >= GOES_ON_S:
            self._begin_anew()
        if event.type is VADEventType.START_OF_SPEECH:
            self._speech_began(event)
        elif event.type is VADEventType.END_OF_SPEECH:
            self._playout.duck(0)
            at_s = event.timestamp - event.silence_duration
            self._turns.speech_paused(round(at_s * 1000), event.silence_duration)
            if self._overlapped is not None and self.ears is not None:
                # A reply waits for these words, whether or not the person has finished.
                self.ears.ask_now()
        elif event.speaking or possible:
            self._duck(event.speech_duration)
        else:
            self._playout.duck(0)

    def heard(self, transcript: Transcript, *, whole: bool, superseded: bool) -> str:
        """The words that take a turn, of those that were recognised."""
        said = transcript.text.strip()
        text = "" if self._takes_no_turn(said, transcript.language) else said
        text = self._turns.heard(text, whole=whole)
        if superseded:
            return ""
        if self._prepared and not text:
            self._begin_anew()
        self._prepared = False
        if not text and self._playout.paused and not self._turns.speaking:
            self._go_on()
        return text

    def asked(self) -> None:
        """The ears owe the words of an utterance."""
        self._turns.asked()

    def hearing(self, transcript: Transcript, *, whole: bool) -> str:
        """Words so far. Those that were guessed in a pause which still lasts may be all, and are worth a reply."""
        text = self._turns.hearing(transcript.text.strip(), whole=whole)
        if not transcript.is_speculative or self._speech_s or self._spoken_now() is not None:
            return ""
        self._prepared = bool(text)
        return text

    def _speech_began(self, event: VADEvent) -> None:
        at_ms = round((event.timestamp - event.speech_duration) * 1000) - self._prefix_ms
        if self._turns.open:
            self._begin_anew()
        self._turns.speech_began(max(0, at_ms))
        if self.ears is not None:
            self.ears.speech_began()
        self._overlapped = self._spoken_now()
        self._duck(event.speech_duration)

    def _begin_anew(self) -> None:
        """The person goes on: what was made of their words so far is void."""
        self._prepared = False
        self._start_over()

    def _duck(self, speech_s: float) -> None:
        if self._yields and self._playout.audible is not None:
            self._playout.duck(2 if speech_s >= LASTING_S else 1)

    def _takes_no_turn(self, said: str, language: str) -> bool:
        if not said:
            return True
        reply = self._spoken_now()
        if reply is None or reply is not self._overlapped:
            return False
        return is_backchannel(said, language or self._language()) or is_echo(said, reply.spoken.text)
