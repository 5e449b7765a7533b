"""What a conversation came to: for people and for programs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from voicechat.client.microphone import Microphone
from voicechat.client.playout import PlayoutBuffer
from voicechat.client.turns import Turn, TurnLog


class CallReport:
    """Turns with what was heard of them. Microphone and playout share one timeline."""

    def __init__(self, log: TurnLog, microphone: Microphone, playout: PlayoutBuffer) -> None:
        self._log = log
        self._microphone = microphone
        self._playout = playout

    def as_json(self) -> dict[str, Any]:
        """`{"turns": [{user, assistant, audio_ms, latency_ms, interrupted}], "errors": [...]}`; times in ms."""
        return {"turns": [self.turn(turn) for turn in self.turns], "errors": list(self._log.errors)}

    @property
    def errors(self) -> list[str]:
        """What went wrong."""
        return self._log.errors

    @property
    def turns(self) -> list[Turn]:
        """Turns in which something was recognised or answered.

        A person who goes on before any of the reply was heard is still in the same turn.
        """
        folded: list[Turn] = []
        said_before: list[str] = []
        known = [turn for turn in self._log.turns if turn.user or turn.assistant or turn.reply_item_ids]
        for turn in known:
            said_before.append(turn.user)
            if turn.interrupted and not self._heard_ms(turn) and turn is not known[-1]:
                continue
            folded.append(replace(turn, user=" ".join(filter(None, said_before))))
            said_before = []
        return folded

    def turn(self, turn: Turn) -> dict[str, Any]:
        """One turn. `latency_ms.first_audio` runs from the last voiced frame sent to the first sample played."""
        latency_ms = {name: round(ms, 1) for name, ms in turn.stages_ms.items()}
        first_audio_ms = self._first_audio_ms(turn)
        if first_audio_ms is not None:
            latency_ms["first_audio"] = round(first_audio_ms, 1)
        return {
            "user": turn.user,
            "assistant": turn.assistant,
            "audio_ms": round(self._heard_ms(turn), 1),
            "latency_ms": latency_ms,
            "interrupted": turn.interrupted,
        }

    def _heard_ms(self, turn: Turn) -> float:
        return sum(self._playout.heard_ms(item_id) for item_id in turn.reply_item_ids)

    def _first_audio_ms(self, turn: Turn) -> float | None:
        heard = [self._playout.first_heard_ms(item_id) for item_id in turn.reply_item_ids]
        first_ms = min((ms for ms in heard if ms is not None), default=None)
        if first_ms is None or turn.speech_end_ms is None:
            return None
        ended_ms = self._microphone.voice_ended_ms(turn.speech_end_ms)
        return first_ms - (turn.speech_end_ms if ended_ms is None else ended_ms)
