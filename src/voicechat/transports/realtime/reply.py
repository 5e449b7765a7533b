"""One reply on the wire: from `response.created` to `response.done`, every opened part closed."""

from __future__ import annotations

from typing import Any

from openai.types.realtime import (
    ConversationItemAdded,
    ConversationItemDone,
    ResponseAudioDeltaEvent,
    ResponseAudioDoneEvent,
    ResponseAudioTranscriptDeltaEvent,
    ResponseAudioTranscriptDoneEvent,
    ResponseContentPartAddedEvent,
    ResponseContentPartDoneEvent,
    ResponseCreatedEvent,
    ResponseDoneEvent,
    ResponseFunctionCallArgumentsDeltaEvent,
    ResponseFunctionCallArgumentsDoneEvent,
    ResponseOutputItemAddedEvent,
    ResponseOutputItemDoneEvent,
    ResponseTextDeltaEvent,
    ResponseTextDoneEvent,
)

from voicechat.audio.pcm import Pcm16
from voicechat.conversation.port import ReplyFinished, ReplyStarted, ReplyStatus, ReplyToolCall
from voicechat.transports.realtime import protocol
from voicechat.transports.realtime.codec import ReplyEncoder
from voicechat.transports.realtime.protocol import Event, Wire, build
from voicechat.transports.realtime.session import Session
from voicechat.transports.realtime.session_config import describe_format

TOKEN_LIMIT_REASONS = frozenset({"max_output_tokens", "length"})
"""Reasons by which a reply that ended early is incomplete rather than complete."""
CLIENT_REASONS = frozenset({"client_cancelled", "cancelled", "client"})
"""Reasons by which the client, and not the person's voice, stopped a reply."""


class ReplyWriter:
    """Writes the events of one reply. The message item opens with its first word or sound."""

    def __init__(self, session: Session, started: ReplyStarted, *, audio: bool) -> None:
        self._session = session
        self._id = started.reply_id
        self._item_id = started.item_id
        self._previous_id = started.previous_item_id
        self._metadata = dict(started.metadata) if started.metadata else None
        self._audio = audio
        self._format = session.config.output_format
        self._encoder = ReplyEncoder(self._format)
        self._words = ""
        self._is_open = False
        self._message_index = 0
        self._output: list[Wire] = []
        session.send(build(ResponseCreatedEvent, response=self._response("in_progress")))

    def text(self, delta: str) -> None:
        """More words."""
        self._open()
        self._words += delta
        self._send_part(ResponseAudioTranscriptDeltaEvent if self._audio else ResponseTextDeltaEvent, delta=delta)

    def audio(self, pcm: Pcm16) -> None:
        """More sound."""
        self._open()
        self._send_audio(self._encoder.push(pcm))

    def tool_call(self, call: ReplyToolCall) -> None:
        """A whole function call, in the order in which a streamed one comes."""
        index = len(self._output) + (1 if self._is_open else 0)
        begun = protocol.function_call(call.item_id, call.call_id, call.name, "", "in_progress")
        made = protocol.function_call(call.item_id, call.call_id, call.name, call.arguments)
        place = {"response_id": self._id, "item_id": call.item_id, "output_index": index, "call_id": call.call_id}
        send, previous_id = self._session.send, self._session.items.last_id
        send(build(ResponseOutputItemAddedEvent, response_id=self._id, output_index=index, item=begun))
        send(build(ConversationItemAdded, item=begun, previous_item_id=previous_id))
        send(build(ResponseFunctionCallArgumentsDeltaEvent, delta=call.arguments, **place))
        send(build(ResponseFunctionCallArgumentsDoneEvent, arguments=call.arguments, name=call.name, **place))
        send(build(ConversationItemDone, item=made, previous_item_id=previous_id))
        send(build(ResponseOutputItemDoneEvent, response_id=self._id, output_index=index, item=made))
        self._session.items.put(made)
        self._output.append(made)

    def finish(self, finished: ReplyFinished) -> None:
        """Close what is open, with the words that count: those heard, where the reply was cut."""
        if finished.text and not self._is_open:
            self._open()
        if self._is_open:
            self._close(finished)
        status = _status(finished)
        response = self._response(status, status_details=_status_details(status, finished), usage=_usage(finished))
        self._session.send(build(ResponseDoneEvent, response=response))

    def _open(self) -> None:
        if self._is_open:
            return
        self._is_open = True
        self._message_index = len(self._output)
        item = protocol.message(self._item_id, "assistant", [], "in_progress")
        previous_id = self._previous_id or self._session.items.last_id
        self._previous_id = previous_id
        self._session.items.put(item)
        self._session.send(
            build(ResponseOutputItemAddedEvent, response_id=self._id, output_index=self._message_index, item=item)
        )
        self._session.send(build(ConversationItemAdded, item=item, previous_item_id=previous_id))
        self._send_part(ResponseContentPartAddedEvent, part=self._part(""))

    def _close(self, finished: ReplyFinished) -> None:
        if self._audio:
            self._send_audio(self._encoder.finish() if finished.status is ReplyStatus.COMPLETED else "")
            self._send_part(ResponseAudioDoneEvent)
            self._send_part(ResponseAudioTranscriptDoneEvent, transcript=finished.text)
        else:
            self._send_part(ResponseTextDoneEvent, text=finished.text)
        self._send_part(ResponseContentPartDoneEvent, part=self._part(finished.text))
        item = self._message(finished)
        self._session.items.put(item)
        self._output.insert(self._message_index, item)
        self._session.send(build(ConversationItemDone, item=item, previous_item_id=self._previous_id))
        self._session.send(
            build(ResponseOutputItemDoneEvent, response_id=self._id, output_index=self._message_index, item=item)
        )

    def _message(self, finished: ReplyFinished) -> Wire:
        key, kind = ("transcript", "output_audio") if self._audio else ("text", "output_text")
        status = "completed" if _status(finished) == "completed" else "incomplete"
        return protocol.message(self._item_id, "assistant", [{"type": kind, key: finished.text}], status)

    def _part(self, words: str) -> Wire:
        return {"type": "audio", "transcript": words} if self._audio else {"type": "text", "text": words}

    def _send_audio(self, delta: str) -> None:
        if delta and self._audio:
            self._send_part(ResponseAudioDeltaEvent, delta=delta)

    def _send_part(self, kind: type[Event], **fields: Any) -> None:
        place = {"response_id": self._id, "item_id": self._item_id, "output_index": self._message_index}
        self._session.send(build(kind, content_index=0, **place, **fields))

    def _response(self, status: str, **fields: Any) -> Wire:
        config = self._session.config
        output = {"format": describe_format(self._format), "voice": config.voice_name}
        return {
            "object": "realtime.response",
            "id": self._id,
            "conversation_id": self._session.conversation_id,
            "status": status,
            "status_details": None,
            "output": list(self._output),
            "output_modalities": ["audio"] if self._audio else ["text"],
            "max_output_tokens": config.conversation.max_output_tokens or "inf",
            "audio": {"output": output},
            "metadata": self._metadata,
            "usage": None,
            **fields,
        }


def _status(finished: ReplyFinished) -> str:
    if finished.status is ReplyStatus.COMPLETED and finished.reason in TOKEN_LIMIT_REASONS:
        return "incomplete"
    return finished.status.value


def _status_details(status: str, finished: ReplyFinished) -> Wire | None:
    match status:
        case "cancelled":
            return {
                "type": status,
                "reason": "client_cancelled" if finished.reason in CLIENT_REASONS else "turn_detected",
            }
        case "incomplete":
            return {"type": status, "reason": "max_output_tokens"}
        case "failed":
            error = {"type": "server_error", "code": "reply_failed", "message": finished.reason}
            return {"type": status, "error": error}
        case _:
            return None


def _usage(finished: ReplyFinished) -> Wire:
    return {
        "total_tokens": finished.input_tokens + finished.output_tokens,
        "input_tokens": finished.input_tokens,
        "output_tokens": finished.output_tokens,
        "input_token_details": {"text_tokens": finished.input_tokens, "audio_tokens": 0, "cached_tokens": 0},
        "output_token_details": {"text_tokens": finished.output_tokens, "audio_tokens": 0},
    }
