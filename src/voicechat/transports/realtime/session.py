"""What the two directions of one connection share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from openai.types.realtime import ConversationItemAdded, ConversationItemDone
from pydantic import BaseModel

from voicechat.conversation.port import Conversation
from voicechat.transports.realtime.items import ItemLedger
from voicechat.transports.realtime.meter import InputMeter
from voicechat.transports.realtime.moving import MovedSession
from voicechat.transports.realtime.protocol import Wire, build, new_id
from voicechat.transports.realtime.session_config import SessionConfig, describe
from voicechat.transports.realtime.voices import VoiceDirectory


@dataclass(slots=True)
class Session:
    """One client's session: its conversation, its configuration, and the way to answer.

    `send` never blocks; it raises when the client reads too slowly. `next_reply_audio` is what `response.create` asked
    of the reply to come: spoken or written; None: as configured. `resume_token` is what the client can move with, once
    it was asked to.
    """

    id: str
    conversation: Conversation
    config: SessionConfig
    voices: VoiceDirectory
    meter: InputMeter
    send: Callable[[BaseModel], None]
    items: ItemLedger = field(default_factory=ItemLedger)
    conversation_id: str = field(default_factory=lambda: new_id("conv"))
    next_reply_audio: bool | None = None
    resume_token: str | None = None

    @property
    def manual(self) -> bool:
        """Whether the client says where turns end."""
        return self.config.conversation.turn_detection is None

    def take_reply_audio(self) -> bool:
        """Whether the reply that begins now is spoken."""
        asked, self.next_reply_audio = self.next_reply_audio, None
        return self.config.conversation.audio_reply if asked is None else asked

    def moved(self, owner: str | None) -> MovedSession:
        """What another process needs to go on with it."""
        return MovedSession(self.id, owner, describe(self.config, self.id), self.items.all())

    def announce(self, item: Wire, previous_item_id: str | None, *, done: bool = True) -> None:
        """Tell the client of a new item, complete unless `done` is false."""
        self.items.put(item)
        self.send(build(ConversationItemAdded, item=item, previous_item_id=previous_item_id))
        if done:
            self.send(build(ConversationItemDone, item=item, previous_item_id=previous_item_id))
