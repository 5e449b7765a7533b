"""Client events, checked and turned into commands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from typing import Any

from openai.types.realtime import (
    ConversationItemCreateEvent,
    ConversationItemDeletedEvent,
    ConversationItemDeleteEvent,
    ConversationItemRetrieveEvent,
    ConversationItemTruncateEvent,
    InputAudioBufferAppendEvent,
    InputAudioBufferClearedEvent,
    InputAudioBufferClearEvent,
    InputAudioBufferCommitEvent,
    OutputAudioBufferClearEvent,
    RealtimeConversationItemAssistantMessage,
    RealtimeConversationItemFunctionCallOutput,
    RealtimeConversationItemSystemMessage,
    RealtimeConversationItemUserMessage,
    RealtimeResponseCreateParams,
    RealtimeSessionCreateRequest,
    ResponseCancelEvent,
    ResponseCreateEvent,
    SessionUpdatedEvent,
    SessionUpdateEvent,
)
from openai.types.realtime.realtime_server_event import ConversationItemRetrieved
from pydantic import BaseModel, ConfigDict, ValidationError

from voicechat.conversation.port import CommandRefused, ReplyOptions
from voicechat.transports.realtime import protocol
from voicechat.transports.realtime.codec import decode
from voicechat.transports.realtime.errors import ProtocolError, from_validation, unsupported
from voicechat.transports.realtime.protocol import Wire, build, error_event
from voicechat.transports.realtime.session import Session
from voicechat.transports.realtime.session_config import apply, audio_wanted, describe, tool_choice
from voicechat.transports.realtime.wire import reject_unknown_fields

LARGE_AUDIO_CHARS = 65_536
"""Audio beyond this is decoded off the event loop."""
MAX_TEXT_CHARS = 100_000
"""The longest text of one item."""


class Played(BaseModel):
    """Our clients' report: this much of an item has come out of the loudspeaker."""

    model_config = ConfigDict(extra="allow")

    type: str
    item_id: str
    audio_end_ms: int
    event_id: str | None = None


class Leave(BaseModel):
    """Our clients, once told to: they go on elsewhere."""

    model_config = ConfigDict(extra="allow")

    type: str
    event_id: str | None = None


class LeavingError(Exception):
    """The client goes on elsewhere."""


class Inbound:
    """Obeys the events of one client. Slow decoding happens on `executor`, in order."""

    def __init__(self, session: Session, executor: Executor) -> None:
        self._session = session
        self._conversation = session.conversation
        self._executor = executor

    async def obey(self, event: Mapping[str, Any]) -> None:
        """Carry out one event; what cannot be is answered with an `error` event. Raises `LeavingError`."""
        try:
            kind, handler = _entry(event)
            await handler(self, _parse(kind, event))
        except (ProtocolError, CommandRefused) as error:
            self._session.send(
                error_event(
                    str(error),
                    code=error.code,
                    param=getattr(error, "param", None),
                    client_event_id=client_event_id(event),
                )
            )

    async def update_session(self, event: SessionUpdateEvent) -> None:
        """Change the configuration, all of it or nothing."""
        if not isinstance(event.session, RealtimeSessionCreateRequest):
            raise unsupported("session.type", "session.type: only realtime sessions exist here, not transcription")
        config = await apply(self._session.config, event.session, self._session.voices)
        if config.conversation != self._session.config.conversation:
            self._conversation.configure(config.conversation)
        if config.conversation.turn_detection != self._session.config.conversation.turn_detection:
            self._session.meter.clear()
        self._session.config = config
        self._session.send(build(SessionUpdatedEvent, session=describe(config, self._session.id)))

    async def append_audio(self, event: InputAudioBufferAppendEvent) -> None:
        """Hear more."""
        wire = self._session.config.input_format
        if len(event.audio) > LARGE_AUDIO_CHARS:
            loop = asyncio.get_running_loop()
            pcm = await loop.run_in_executor(self._executor, decode, event.audio, wire)
        else:
            pcm = decode(event.audio, wire)
        self._session.meter.take(pcm.size / wire.sample_rate_hz, manual=self._session.manual)
        # A second at a time keeps the conversation's resampling short beside the playout of others.
        for start in range(0, pcm.size, wire.sample_rate_hz):
            self._conversation.push_audio(pcm[start : start + wire.sample_rate_hz], wire.sample_rate_hz)
            await asyncio.sleep(0)

    async def commit_audio(self, _: InputAudioBufferCommitEvent) -> None:
        """End a manual turn."""
        self._session.meter.commit(manual=self._session.manual)
        self._conversation.commit_turn()

    async def clear_audio(self, _: InputAudioBufferClearEvent) -> None:
        """Forget what was not committed."""
        self._conversation.clear_turn()
        self._session.meter.clear()
        self._session.send(build(InputAudioBufferClearedEvent))

    async def create_item(self, event: ConversationItemCreateEvent) -> None:
        """Add to the conversation."""
        previous = self._previous(event.previous_item_id)
        if event.item.id is not None and self._session.items.get(event.item.id) is not None:
            raise ProtocolError("item_exists", f"item.id: there is an item {event.item.id!r} already", "item.id")
        self._session.announce(self._add(event.item), previous)

    async def retrieve_item(self, event: ConversationItemRetrieveEvent) -> None:
        """Show an item."""
        self._session.send(build(ConversationItemRetrieved, item=self._known(event.item_id)))

    async def delete_item(self, event: ConversationItemDeleteEvent) -> None:
        """Remove an item."""
        self._conversation.delete_item(event.item_id)
        self._session.items.drop(event.item_id)
        self._session.send(build(ConversationItemDeletedEvent, item_id=event.item_id))

    async def truncate_item(self, event: ConversationItemTruncateEvent) -> None:
        """Cut a reply to what the client has played."""
        if event.audio_end_ms < 0:
            raise ProtocolError("invalid_value", "audio_end_ms is 0 or more", "audio_end_ms")
        if event.content_index != 0:
            raise ProtocolError("invalid_value", "content_index is 0: a reply has one content part", "content_index")
        self._conversation.truncate(event.item_id, event.audio_end_ms)

    async def create_response(self, event: ResponseCreateEvent) -> None:
        """Ask for a reply."""
        options = self._reply_options(event.response)
        self._conversation.create_reply(options)
        self._session.next_reply_audio = options.audio_reply

    async def cancel_response(self, _: ResponseCancelEvent | OutputAudioBufferClearEvent) -> None:
        """Stop the reply."""
        self._conversation.cancel_reply()

    async def note_played(self, event: Played) -> None:
        """Learn what was heard."""
        if event.audio_end_ms < 0:
            raise ProtocolError("invalid_value", "audio_end_ms is 0 or more", "audio_end_ms")
        self._conversation.played(event.item_id, event.audio_end_ms)

    async def leave(self, _: Leave) -> None:
        """Let the session go on elsewhere."""
        if self._session.resume_token is None:
            raise ProtocolError("session_not_moving", "the session does not move; close the connection to end it")
        raise LeavingError

    def _previous(self, asked: str | None) -> str | None:
        last = self._session.items.last_id
        if asked is None or asked == last or (asked == "root" and last is None):
            return last
        if asked != "root":
            self._known(asked, "previous_item_id")
        raise unsupported("previous_item_id", f"items are added at the end only, after {last!r}; leave it out")

    def _known(self, item_id: str, param: str = "item_id") -> Wire:
        item = self._session.items.get(item_id)
        if item is None:
            raise ProtocolError("item_not_found", f"{param}: there is no item {item_id!r}", param)
        return item

    def _add(self, item: object) -> Wire:
        match item:
            case RealtimeConversationItemFunctionCallOutput():
                given = _item_id(item.id)
                made = self._conversation.add_tool_output(item.call_id, _bounded(item.output, "item.output"), given)
                return protocol.function_call_output(made, item.call_id, item.output)
            case RealtimeConversationItemUserMessage():
                text = _text([(part.type, part.text) for part in item.content], "input_text")
                made = self._conversation.add_text("user", text, _item_id(item.id))
                return protocol.message(made, "user", [{"type": "input_text", "text": text}])
            case RealtimeConversationItemSystemMessage():
                text = _text([(part.type, part.text) for part in item.content], "input_text")
                made = self._conversation.add_text("system", text, _item_id(item.id))
                return protocol.message(made, "system", [{"type": "input_text", "text": text}])
            case RealtimeConversationItemAssistantMessage():
                text = _text([(part.type, part.text) for part in item.content], "output_text")
                made = self._conversation.add_text("assistant", text, _item_id(item.id))
                return protocol.message(made, "assistant", [{"type": "output_text", "text": text}])
            case _:
                kind = getattr(item, "type", "item")
                raise unsupported("item.type", f"a {kind} cannot be added; a message and a function_call_output can")

    def _reply_options(self, asked: RealtimeResponseCreateParams | None) -> ReplyOptions:
        if asked is None:
            return ReplyOptions()
        _refuse_overrides(asked)
        talk = self._session.config.conversation
        choice = asked.tool_choice
        modalities = asked.output_modalities
        return ReplyOptions(
            instructions=asked.instructions and _bounded(asked.instructions, "response.instructions"),
            tool_choice=None if choice is None else tool_choice(choice, talk.tools, "response.tool_choice"),
            audio_reply=None if modalities is None else audio_wanted(modalities, "response.output_modalities"),
            metadata=_metadata(asked.metadata),
        )


def client_event_id(event: Mapping[str, Any]) -> str | None:
    """The id that the client gave its event."""
    given = event.get("event_id")
    return given[:512] if isinstance(given, str) else None


Handler = Callable[[Inbound, Any], Awaitable[None]]

HANDLERS: Mapping[str, tuple[type[BaseModel], Handler]] = {
    "session.update": (SessionUpdateEvent, Inbound.update_session),
    "input_audio_buffer.append": (InputAudioBufferAppendEvent, Inbound.append_audio),
    "input_audio_buffer.commit": (InputAudioBufferCommitEvent, Inbound.commit_audio),
    "input_audio_buffer.clear": (InputAudioBufferClearEvent, Inbound.clear_audio),
    "output_audio_buffer.clear": (OutputAudioBufferClearEvent, Inbound.cancel_response),
    "conversation.item.create": (ConversationItemCreateEvent, Inbound.create_item),
    "conversation.item.retrieve": (ConversationItemRetrieveEvent, Inbound.retrieve_item),
    "conversation.item.delete": (ConversationItemDeleteEvent, Inbound.delete_item),
    "conversation.item.truncate": (ConversationItemTruncateEvent, Inbound.truncate_item),
    "response.create": (ResponseCreateEvent, Inbound.create_response),
    "response.cancel": (ResponseCancelEvent, Inbound.cancel_response),
    "voicechat.played": (Played, Inbound.note_played),
    "voicechat.session.leave": (Leave, Inbound.leave),
}
"""Every event that a client may send, the type it is checked against, and what obeys it."""


def _entry(event: Mapping[str, Any]) -> tuple[type[BaseModel], Handler]:
    kind = event.get("type")
    if not isinstance(kind, str):
        raise ProtocolError("missing_required_parameter", "an event has a type, a string", "type")
    if kind not in HANDLERS:
        message = f"there is no client event {kind[:100]!r}; there are {', '.join(HANDLERS)}"
        raise ProtocolError("unknown_event_type", message, "type")
    return HANDLERS[kind]


def _parse(kind: type[BaseModel], event: Mapping[str, Any]) -> BaseModel:
    try:
        parsed = kind.model_validate(event, strict=True)
    except ValidationError as error:
        raise from_validation(error) from error
    reject_unknown_fields(parsed)
    return parsed


def _refuse_overrides(asked: RealtimeResponseCreateParams) -> None:
    for name in ("input", "tools", "prompt", "max_output_tokens", "audio", "reasoning"):
        if getattr(asked, name) is not None:
            raise unsupported(f"response.{name}", f"response.{name} cannot be set for one reply; use session.update")
    if asked.conversation not in (None, "auto"):
        raise unsupported("response.conversation", "replies belong to the conversation: leave it out, or say auto")


def _metadata(given: dict[str, str] | None) -> dict[str, str]:
    metadata = given or {}
    if len(metadata) > 16 or any(len(key) > 64 or len(value) > 512 for key, value in metadata.items()):
        message = "response.metadata has at most 16 pairs of at most 64 and 512 characters"
        raise ProtocolError("invalid_value", message, "response.metadata")
    return metadata


def _text(parts: list[tuple[str | None, str | None]], allowed: str) -> str:
    for index, (kind, text) in enumerate(parts):
        if kind not in (None, allowed):
            param = f"item.content[{index}].type"
            raise unsupported(param, f"{param}: only {allowed} can be added here; speech goes to input_audio_buffer")
        if not text:
            param = f"item.content[{index}].text"
            raise ProtocolError("missing_required_parameter", f"{param} is missing or empty", param)
    if not parts:
        raise ProtocolError("missing_required_parameter", "item.content is empty", "item.content")
    return _bounded("\n".join(text or "" for _, text in parts), "item.content")


def _bounded(text: str, param: str) -> str:
    if len(text) > MAX_TEXT_CHARS:
        message = f"{param} has {len(text)} characters; at most {MAX_TEXT_CHARS} are taken"
        raise ProtocolError("string_above_max_length", message, param)
    return text


def _item_id(given: str | None) -> str | None:
    if given is not None and not 1 <= len(given) <= 64:
        raise ProtocolError("invalid_value", "item.id has 1 to 64 characters", "item.id")
    return given
