"""One conversation with one person in a room: what the person does becomes commands, what happens is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import structlog

from voicechat.conversation.port import (
    REPLYING,
    CommandRefused,
    Conversation,
    ConversationEvent,
    ConversationFailed,
    ReplyAudio,
    ReplyCleared,
    ReplyFinished,
    ReplyStarted,
    ReplyStatus,
    ReplyText,
    ReplyToolCall,
    SpeechBegan,
    StateChanged,
    TurnCommitted,
    TurnDiscarded,
    TurnMeasured,
    UserTranscript,
)
from voicechat.conversation.tasks import TaskOwner
from voicechat.transports.rooms.keypad import Keypad
from voicechat.transports.rooms.port import FunctionError, Room, RoomError
from voicechat.transports.rooms.status import Status
from voicechat.transports.rooms.words import Words

log = structlog.get_logger(__name__)

EVENTS_WAITING = 64
"""Of our own events, between the conversation and a slow network."""


class Talk:
    """The person's side of an open conversation. `run` tells what happens until the conversation is over."""

    def __init__(self, conversation: Conversation, room: Room, caller: str, status: Status) -> None:
        self.conversation = conversation
        self._room = room
        self._caller = caller
        self._status = status
        self._words = Words(room, caller)
        self._keypad = Keypad(self._dialled)
        self._told: asyncio.Queue[dict[str, Any]] = asyncio.Queue(EVENTS_WAITING)
        self._functions = TaskOwner()
        self._open_functions = 0

    # --- what the person does

    def listen(self) -> None:
        """Hear the person, who is here."""
        self._room.listen_to(self._caller, self.conversation.push_audio)

    def pause(self) -> None:
        """The person is away: nobody would hear the rest of a reply."""
        self._room.listen_to(None, self.conversation.push_audio)
        self.hush()

    def typed(self, text: str) -> None:
        """The person typed: it is a turn, and takes the word from a reply as a spoken one would."""
        if not text.strip():
            return
        self.hush()
        try:
            self.conversation.add_text("user", text)
            self.conversation.create_reply()
        except CommandRefused as error:
            log.warning("a typed message was refused", reason=str(error))

    def pressed(self, key: str) -> None:
        """The person pressed a key of a telephone."""
        self._keypad.press(key)

    def _dialled(self, keys: str) -> None:
        self.typed(f"I pressed these keys on my telephone: {keys}")

    def hush(self) -> None:
        """Stop the reply, if there is one."""
        if self.conversation.state in REPLYING:
            with suppress(CommandRefused):
                self.conversation.cancel_reply()

    # --- what happens

    async def run(self) -> str:
        """Tell what happens. Returns why the conversation ended; raises `RoomError` when sound cannot be sent."""
        telling = TaskOwner()
        telling.start(self._words.run(), "words")
        telling.start(self._send_events(), "events")
        try:
            reason = "over"
            async for event in self.conversation.events():
                if isinstance(event, ReplyAudio):
                    await self._room.play(event.pcm)
                    continue
                if isinstance(event, ConversationFailed) and event.fatal:
                    reason = event.message
                self._tell(event)
            return reason
        finally:
            self._keypad.close()
            self._room.listen_to(None, self.conversation.push_audio)
            await self._functions.aclose()
            await telling.aclose()

    def _tell(self, event: ConversationEvent) -> None:
        if teller := _TELLERS.get(type(event)):
            teller(self, event)

    def _state_changed(self, event: StateChanged) -> None:
        self._status.show(event.state)
        self._send("voicechat.state", state=event.state.value)

    def _speech_began(self, event: SpeechBegan) -> None:
        self._send("voicechat.speech", item_id=event.item_id)

    def _turn_committed(self, event: TurnCommitted) -> None:
        self._send("voicechat.committed", item_id=event.item_id)

    def _turn_discarded(self, event: TurnDiscarded) -> None:
        self._words.person_said_nothing(event.item_id)
        self._send("voicechat.discarded", item_id=event.item_id)

    def _user_transcript(self, event: UserTranscript) -> None:
        self._words.person_said(event.item_id, event.text, is_final=event.is_final)

    def _reply_started(self, event: ReplyStarted) -> None:
        self._send("voicechat.reply", response_id=event.reply_id, item_id=event.item_id, status="started")

    def _reply_text(self, event: ReplyText) -> None:
        self._words.reply_goes_on(event.reply_id, event.delta)

    def _reply_cleared(self, event: ReplyCleared) -> None:
        self._room.fall_silent()
        self._send("voicechat.cleared", item_id=event.item_id)

    def _reply_finished(self, event: ReplyFinished) -> None:
        was_cut = event.status is not ReplyStatus.COMPLETED
        self._words.reply_is_over(event.reply_id, event.text, was_cut=was_cut)
        place = {"response_id": event.reply_id, "item_id": event.item_id, "text": event.text}
        self._send("voicechat.reply", status=event.status.value, **place)

    def _turn_measured(self, event: TurnMeasured) -> None:
        times = {"stages_ms": dict(event.stages_ms), "starts_ms": dict(event.starts_ms)}
        self._send("voicechat.turn", response_id=event.reply_id, **times)

    def _failed(self, event: ConversationFailed) -> None:
        self._send("voicechat.error", code=event.code, message=event.message)

    def _send(self, kind: str, **fields: Any) -> None:
        try:
            self._told.put_nowait({"type": kind, **fields})
        except asyncio.QueueFull:
            log.warning("an event was lost: the room takes them too slowly", lost=kind)

    async def _send_events(self) -> None:
        while True:
            event = await self._told.get()
            try:
                await self._room.send_event(json.dumps(event, ensure_ascii=False))
            except RoomError as error:
                log.warning("an event was lost on its way", reason=str(error))

    # --- functions, which others run

    def _tool_call(self, event: ReplyToolCall) -> None:
        self._open_functions += 1
        self._functions.start(self._call_function(event), "function")

    async def _call_function(self, call: ReplyToolCall) -> None:
        try:
            answer = await self._room.call_function(self._caller, call.name, call.arguments)
        except FunctionError as error:
            answer = f"error: {error}"
        self._open_functions -= 1
        try:
            self.conversation.add_tool_output(call.call_id, answer)
            if not self._open_functions:
                self.conversation.create_reply()
        except CommandRefused as error:
            log.info("the answer of a function came too late", reason=str(error))


_TELLERS: Mapping[type, Callable[[Talk, Any], None]] = {
    StateChanged: Talk._state_changed,
    SpeechBegan: Talk._speech_began,
    TurnCommitted: Talk._turn_committed,
    TurnDiscarded: Talk._turn_discarded,
    UserTranscript: Talk._user_transcript,
    ReplyStarted: Talk._reply_started,
    ReplyText: Talk._reply_text,
    ReplyCleared: Talk._reply_cleared,
    ReplyToolCall: Talk._tool_call,
    ReplyFinished: Talk._reply_finished,
    TurnMeasured: Talk._turn_measured,
    ConversationFailed: Talk._failed,
}
