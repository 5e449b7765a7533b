"""What was said by whom: server events folded into turns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BUSY_STATES = frozenset({"thinking", "speaking", "interrupted"})


@dataclass(slots=True)
class Turn:
    """One thing the person said, and what was answered.

    `speech_end_ms` is where the server heard the speech end in the audio it was sent; None: it was not spoken.
    """

    user_item_id: str = ""
    user: str = ""
    speech_end_ms: float | None = None
    reply_item_ids: list[str] = field(default_factory=list)
    assistant: str = ""
    interrupted: bool = False
    stages_ms: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Reply:
    turn: Turn
    deltas: str = ""


class TurnLog:
    """The conversation so far. Feed it every server event in order; events it does not know change nothing."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.errors: list[str] = []
        self._speech_end_ms: dict[str, float] = {}
        self._undecided: set[str] = set()
        self._open: dict[str, _Reply] = {}
        self._turn_of_response: dict[str, Turn] = {}
        self._unanswered = False
        self._state: str | None = None
        self._sessions = 0

    @property
    def busy(self) -> bool:
        """Whether someone speaks, or something is still to be decided or answered."""
        waiting = self._unanswered if self._state is None else self._state in BUSY_STATES
        return bool(self._undecided or self._open or waiting)

    def add(self, event: Mapping[str, Any]) -> None:
        """Take the next event."""
        handler = _HANDLERS.get(event.get("type", ""))
        if handler is not None:
            handler(self, event)

    def turn_of(self, user_item_id: str) -> Turn | None:
        """The turn of a user item."""
        return next((turn for turn in self.turns if turn.user_item_id == user_item_id), None)

    def _speech_started(self, event: Mapping[str, Any]) -> None:
        self._undecided.add(event["item_id"])

    def _session_created(self, _: Mapping[str, Any]) -> None:
        self._sessions += 1

    def _speech_stopped(self, event: Mapping[str, Any]) -> None:
        if self._sessions > 1:
            # The clock of a session that moved began anew.
            return
        item_id, end_ms = event["item_id"], float(event["audio_end_ms"])
        if turn := self.turn_of(item_id):
            turn.speech_end_ms = end_ms
        else:
            self._speech_end_ms[item_id] = end_ms

    def _committed(self, event: Mapping[str, Any]) -> None:
        item_id = event["item_id"]
        self._undecided.discard(item_id)
        self._unanswered = True
        self._turn_for(item_id)

    def _turn_for(self, item_id: str) -> Turn:
        turn = self.turn_of(item_id)
        if turn is None:
            turn = Turn(item_id, speech_end_ms=self._speech_end_ms.pop(item_id, None))
            self.turns.append(turn)
        return turn

    def _transcribed(self, event: Mapping[str, Any]) -> None:
        text = event["transcript"].strip()
        if text:
            self._turn_for(event["item_id"]).user = text
        elif turn := self.turn_of(event["item_id"]):
            turn.user = ""

    def _transcription_failed(self, event: Mapping[str, Any]) -> None:
        self.errors.append(event["error"].get("message") or "the speech could not be recognised")

    def _speech_dropped(self, event: Mapping[str, Any]) -> None:
        self._undecided.discard(event["item_id"])

    def _response_created(self, event: Mapping[str, Any]) -> None:
        if not self.turns:
            self.turns.append(Turn())
        self._unanswered = False
        response_id = event["response"]["id"]
        self._open[response_id] = _Reply(self.turns[-1])
        self._turn_of_response[response_id] = self.turns[-1]

    def _output_item_added(self, event: Mapping[str, Any]) -> None:
        reply = self._open.get(event["response_id"])
        if reply is not None and event["item"].get("type") == "message":
            reply.turn.reply_item_ids.append(event["item"]["id"])

    def _text_delta(self, event: Mapping[str, Any]) -> None:
        if reply := self._open.get(event["response_id"]):
            reply.deltas += event["delta"]

    def _response_done(self, event: Mapping[str, Any]) -> None:
        response = event["response"]
        reply = self._open.pop(response["id"], None)
        if reply is None:
            return
        turn, status = reply.turn, response.get("status")
        said = _spoken(response)
        turn.assistant = " ".join(filter(None, (turn.assistant, reply.deltas.strip() if said is None else said)))
        turn.interrupted = turn.interrupted or status == "cancelled"
        if status == "failed":
            self.errors.append(_failure(response))

    def _measured(self, event: Mapping[str, Any]) -> None:
        turn = self._turn_of_response.get(event["response_id"])
        if turn is not None:
            turn.stages_ms = {name: float(ms) for name, ms in event["stages_ms"].items()}

    def _state_changed(self, event: Mapping[str, Any]) -> None:
        self._state = str(event["state"])

    def _error(self, event: Mapping[str, Any]) -> None:
        self.errors.append(event["error"].get("message") or "the server reported an error without a text")


def _spoken(response: Mapping[str, Any]) -> str | None:
    """The words of a finished response; None when it does not list them."""
    parts = [
        part.get("transcript", part.get("text"))
        for item in response.get("output") or []
        if item.get("type") == "message"
        for part in item.get("content") or []
    ]
    known = [part.strip() for part in parts if part is not None]
    return " ".join(known) if known else None


def _failure(response: Mapping[str, Any]) -> str:
    details = response.get("status_details") or {}
    return (details.get("error") or {}).get("message") or "a reply failed"


_HANDLERS = {
    "session.created": TurnLog._session_created,
    "input_audio_buffer.speech_started": TurnLog._speech_started,
    "input_audio_buffer.speech_stopped": TurnLog._speech_stopped,
    "input_audio_buffer.committed": TurnLog._committed,
    "conversation.item.input_audio_transcription.completed": TurnLog._transcribed,
    "conversation.item.input_audio_transcription.failed": TurnLog._transcription_failed,
    "voicechat.discarded": TurnLog._speech_dropped,
    "response.created": TurnLog._response_created,
    "response.output_item.added": TurnLog._output_item_added,
    "response.output_audio_transcript.delta": TurnLog._text_delta,
    "response.output_text.delta": TurnLog._text_delta,
    "response.done": TurnLog._response_done,
    "voicechat.turn": TurnLog._measured,
    "voicechat.state": TurnLog._state_changed,
    "error": TurnLog._error,
}
