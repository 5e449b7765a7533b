"""Conversation events, told in the protocol's words and order."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from openai.types.realtime import (
    ConversationItemInputAudioTranscriptionCompletedEvent,
    ConversationItemInputAudioTranscriptionDeltaEvent,
    ConversationItemTruncatedEvent,
    InputAudioBufferCommittedEvent,
    InputAudioBufferSpeechStartedEvent,
    InputAudioBufferSpeechStoppedEvent,
)
from openai.types.realtime.realtime_server_event import OutputAudioBufferCleared

from voicechat.conversation.port import (
    ConversationEvent,
    ConversationFailed,
    ItemTruncated,
    ReplyAudio,
    ReplyCleared,
    ReplyFinished,
    ReplyStarted,
    ReplyText,
    ReplyToolCall,
    SpeechBegan,
    SpeechEnded,
    StateChanged,
    TurnCommitted,
    TurnDiscarded,
    TurnMeasured,
    UserTranscript,
)
from voicechat.transports.realtime import protocol
from voicechat.transports.realtime.protocol import build, error_event, extension
from voicechat.transports.realtime.reply import ReplyWriter
from voicechat.transports.realtime.session import Session

MAX_OPEN_UTTERANCES = 16
"""Utterances and replies that are remembered while they are not settled."""


class FatalError(Exception):
    """The conversation cannot go on; the text is the reason."""


@dataclass(slots=True)
class Utterance:
    """What is known of something the person said."""

    began_ms: int = 0
    ended_ms: int = 0
    interim: str = ""
    final: str | None = None
    is_committed: bool = False

    @property
    def duration_s(self) -> float:
        """How long it lasted."""
        return max(0, self.ended_ms - self.began_ms) / 1000


class Outbound:
    """Tells one client what happens. `extensions`: whether it wants the `voicechat.*` events too."""

    def __init__(self, session: Session, *, extensions: bool) -> None:
        self._session = session
        self._send = session.send
        self._extensions = extensions
        self._utterances: OrderedDict[str, Utterance] = OrderedDict()
        self._replies: OrderedDict[str, ReplyWriter] = OrderedDict()

    def tell(self, event: ConversationEvent) -> None:
        """Send what follows from one event. Raises `FatalError` after the last one."""
        TELLERS[type(event)](self, event)

    def state_changed(self, event: StateChanged) -> None:
        """Ours: what the assistant is doing."""
        self._extend("voicechat.state", state=event.state.value)

    def speech_began(self, event: SpeechBegan) -> None:
        """The person speaks."""
        if event.item_id not in self._utterances:
            self._utterance(event.item_id).began_ms = event.at_ms
        self._send(build(InputAudioBufferSpeechStartedEvent, item_id=event.item_id, audio_start_ms=event.at_ms))

    def speech_ended(self, event: SpeechEnded) -> None:
        """The person is silent."""
        self._utterance(event.item_id).ended_ms = event.at_ms
        self._send(build(InputAudioBufferSpeechStoppedEvent, item_id=event.item_id, audio_end_ms=event.at_ms))

    def turn_committed(self, event: TurnCommitted) -> None:
        """The person's turn is an item; its words follow even if they were known before."""
        utterance = self._utterance(event.item_id)
        utterance.is_committed = True
        previous_id = event.previous_item_id or self._session.items.last_id
        self._send(build(InputAudioBufferCommittedEvent, item_id=event.item_id, previous_item_id=previous_id))
        item = protocol.message(event.item_id, "user", [{"type": "input_audio", "transcript": None}])
        self._session.announce(item, previous_id)
        if utterance.final is not None:
            self._complete(event.item_id, utterance)

    def turn_discarded(self, event: TurnDiscarded) -> None:
        """Ours: what was heard became no turn."""
        self._utterances.pop(event.item_id, None)
        self._extend("voicechat.discarded", item_id=event.item_id)

    def user_transcript(self, event: UserTranscript) -> None:
        """The person's words, once their turn is an item; interim ones as they come."""
        utterance = self._utterance(event.item_id)
        if not event.is_final:
            self._interim(event, utterance)
            return
        utterance.final = event.text
        if utterance.is_committed:
            self._complete(event.item_id, utterance)

    def reply_started(self, event: ReplyStarted) -> None:
        """A reply begins."""
        audio = self._session.take_reply_audio()
        self._replies[event.reply_id] = ReplyWriter(self._session, event, audio=audio)
        if len(self._replies) > MAX_OPEN_UTTERANCES:
            self._replies.popitem(last=False)

    def reply_text(self, event: ReplyText) -> None:
        """Words of a reply."""
        if reply := self._replies.get(event.reply_id):
            reply.text(event.delta)

    def reply_audio(self, event: ReplyAudio) -> None:
        """Sound of a reply."""
        if reply := self._replies.get(event.reply_id):
            reply.audio(event.pcm)

    def reply_cleared(self, event: ReplyCleared) -> None:
        """What was sent and not played is void."""
        self._extend("voicechat.cleared", item_id=event.item_id)
        self._send(build(OutputAudioBufferCleared, response_id=event.reply_id))

    def reply_tool_call(self, event: ReplyToolCall) -> None:
        """A reply asks for a function."""
        if reply := self._replies.get(event.reply_id):
            reply.tool_call(event)

    def reply_finished(self, event: ReplyFinished) -> None:
        """A reply is over."""
        if reply := self._replies.pop(event.reply_id, None):
            reply.finish(event)

    def item_truncated(self, event: ItemTruncated) -> None:
        """A reply was cut; history ends where hearing did."""
        self._session.items.set_words(event.item_id, event.text)
        self._send(
            build(
                ConversationItemTruncatedEvent,
                item_id=event.item_id,
                content_index=0,
                audio_end_ms=event.audio_end_ms,
            )
        )

    def turn_measured(self, event: TurnMeasured) -> None:
        """Ours: where the time of a turn went."""
        self._extend(
            "voicechat.turn",
            response_id=event.reply_id,
            stages_ms=dict(event.stages_ms),
            starts_ms=dict(event.starts_ms),
            **({} if event.trace_id is None else {"trace_id": event.trace_id}),
        )

    def failed(self, event: ConversationFailed) -> None:
        """Something broke."""
        self._send(error_event(event.message, code=event.code, kind="server_error"))
        if event.fatal:
            raise FatalError(event.message)

    def _interim(self, event: UserTranscript, utterance: Utterance) -> None:
        """The protocol only appends: words that were taken back wait for the final transcript, or for our own event."""
        if self._transcribes and event.text.startswith(utterance.interim):
            self._append(event, utterance)
        self._extend("voicechat.transcript", item_id=event.item_id, text=event.text)

    def _append(self, event: UserTranscript, utterance: Utterance) -> None:
        delta = event.text[len(utterance.interim) :]
        utterance.interim = event.text
        if delta:
            kind = ConversationItemInputAudioTranscriptionDeltaEvent
            self._send(build(kind, item_id=event.item_id, content_index=0, delta=delta))

    def _complete(self, item_id: str, utterance: Utterance) -> None:
        del self._utterances[item_id]
        words = utterance.final or ""
        self._session.items.set_words(item_id, words)
        if self._transcribes:
            usage = {"type": "duration", "seconds": utterance.duration_s}
            kind = ConversationItemInputAudioTranscriptionCompletedEvent
            self._send(build(kind, item_id=item_id, content_index=0, transcript=words, usage=usage))

    @property
    def _transcribes(self) -> bool:
        return self._session.config.transcription is not None

    def _utterance(self, item_id: str) -> Utterance:
        utterance = self._utterances.setdefault(item_id, Utterance())
        if len(self._utterances) > MAX_OPEN_UTTERANCES:
            self._utterances.popitem(last=False)
        return utterance

    def _extend(self, event_type: str, **fields: Any) -> None:
        if self._extensions:
            self._send(extension(event_type, **fields))


TELLERS: Mapping[type, Callable[[Outbound, Any], None]] = {
    StateChanged: Outbound.state_changed,
    SpeechBegan: Outbound.speech_began,
    SpeechEnded: Outbound.speech_ended,
    TurnCommitted: Outbound.turn_committed,
    TurnDiscarded: Outbound.turn_discarded,
    UserTranscript: Outbound.user_transcript,
    ReplyStarted: Outbound.reply_started,
    ReplyText: Outbound.reply_text,
    ReplyAudio: Outbound.reply_audio,
    ReplyCleared: Outbound.reply_cleared,
    ReplyToolCall: Outbound.reply_tool_call,
    ReplyFinished: Outbound.reply_finished,
    ItemTruncated: Outbound.item_truncated,
    TurnMeasured: Outbound.turn_measured,
    ConversationFailed: Outbound.failed,
}
"""What tells each event of a conversation."""
