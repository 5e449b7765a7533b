"""What the HTTP apps of a process stand on."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, field

from voicechat.access.access import Access
from voicechat.api.health import Probe
from voicechat.api.lifecycle import Lifecycle
from voicechat.api.loading import DeferredEars
from voicechat.api.room_door import DeferredRooms
from voicechat.conversation.port import ConversationFactory
from voicechat.fleet.port import VoiceFleet
from voicechat.settings import Settings
from voicechat.transports.realtime.connection import RealtimeServices
from voicechat.transports.realtime.moving import Moves
from voicechat.transports.realtime.voices import VoiceDirectory


@dataclass(frozen=True, slots=True)
class Services:
    """Shared parts of one process.

    `executor` is for codecs that somebody listens to, `decoders` for recordings, which may take seconds. `started_at`
    is a reading of the monotonic clock, in seconds. `moves`: None where conversations end with the process.
    `redis` asks it whether it answers; None where it is not configured.
    """

    settings: Settings
    fleet: VoiceFleet
    conversations: ConversationFactory
    access: Access
    lifecycle: Lifecycle
    ears: DeferredEars
    executor: Executor
    decoders: Executor
    started_at: float
    moves: Moves | None = None
    redis: Probe | None = None
    rooms: DeferredRooms = field(default_factory=DeferredRooms)

    @property
    def voices(self) -> VoiceDirectory:
        """The voices that clients may name."""
        tts = self.settings.tts
        return VoiceDirectory(self.fleet, tts.default_model, tts.aliases)

    @property
    def realtime(self) -> RealtimeServices:
        """What Realtime connections share."""
        return RealtimeServices(
            conversations=self.conversations,
            voices=self.voices,
            executor=self.executor,
            max_frame_bytes=self.settings.server.max_frame_bytes,
            moves=self.moves,
        )
