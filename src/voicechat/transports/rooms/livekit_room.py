"""A LiveKit room, entered with the SDK."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import TypeVar

import numpy as np
import structlog
from livekit import rtc

from voicechat.asr.port import EARS_RATE_HZ
from voicechat.audio.pcm import Pcm16
from voicechat.conversation.playout import RATE_HZ
from voicechat.conversation.tasks import TaskOwner
from voicechat.transports.rooms.names import runs_functions
from voicechat.transports.rooms.port import (
    AgentCame,
    AgentLeft,
    FunctionError,
    HushAsked,
    KeyPressed,
    PersonCame,
    PersonLeft,
    RoomError,
    RoomEvent,
    TakeSound,
    TextTyped,
)

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

CHAT_TOPIC, WORDS_TOPIC, EVENTS_TOPIC = "lk.chat", "lk.transcription", "voicechat"
HUSH = "voicechat.hush"
AGENT_NAME_ATTRIBUTE = "lk.agent_name"
"""Set by the server on every agent that it dispatched."""
TRACK_NAME = "assistant"
QUEUE_MS = 120
"""Room of the track's queue: the playout's lead and two of its frames; what is there when a reply is cut is dropped."""
GRAIN = RATE_HZ // 100
"""Tracks leave in pieces of 10 ms; a rest would wait for the next reply."""
CONNECT_TIMEOUT_S = 10.0
DEADLINE_S = 5.0
"""For anything asked of the room."""
FUNCTION_TIMEOUT_S = 10.0
WAITING_FRAMES = 50
"""Of 20 ms, between the network and the conversation; beyond, the oldest goes."""
MAX_TYPED_CHARS = 8_000
MAX_TYPED_BYTES = 4 * MAX_TYPED_CHARS
MAX_WAITING_EVENTS = 256
MAX_EVENT_BYTES = 1024

PEOPLE = frozenset(
    (
        rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
        rtc.ParticipantKind.PARTICIPANT_KIND_SIP,
        rtc.ParticipantKind.PARTICIPANT_KIND_CONNECTOR,
    )
)


class LiveKitRoom:
    """A `Room`. Made by `enter`; `leave` ends it."""

    def __init__(self, agent_name: str) -> None:
        self._agent_name = agent_name
        self._room = rtc.Room()
        self._source = rtc.AudioSource(RATE_HZ, 1, queue_size_ms=QUEUE_MS)
        self._publication: rtc.LocalTrackPublication | None = None
        self._events: asyncio.Queue[RoomEvent | None] = asyncio.Queue(MAX_WAITING_EVENTS)
        self._tasks = TaskOwner()
        self._listened: str | None = None
        self._take: TakeSound | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._heard_sid = ""
        self._connecting: asyncio.Task[None] | None = None

    async def enter(self, url: str, token: str) -> None:
        """Join and publish the agent's track. Raises `RoomError`."""
        self._watch()
        # Nothing is subscribed to but the microphone of the person who is listened to.
        options = rtc.RoomOptions(
            auto_subscribe=False, data_stream=rtc.DataStreamOptions(max_payload_byte_length=MAX_TYPED_BYTES)
        )
        # The SDK ends the process if it is interrupted while it connects, so it never is; `leave` waits for it.
        self._connecting = asyncio.create_task(self._room.connect(url, token, options), name="join a room")
        await _timely(asyncio.shield(self._connecting), "joining the room", CONNECT_TIMEOUT_S)
        for participant in self._room.remote_participants.values():
            self._came(participant)
        track = rtc.LocalAudioTrack.create_audio_track(TRACK_NAME, self._source)
        chosen = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, red=True)
        publishing = self._room.local_participant.publish_track(track, chosen)
        self._publication = await _timely(publishing, "publishing the track", DEADLINE_S)

    # --- what the port asks

    @property
    def identity(self) -> str:
        """The agent's own."""
        return self._room.local_participant.identity

    async def events(self) -> AsyncIterator[RoomEvent]:
        """What happens, until the room is gone."""
        while (event := await self._events.get()) is not None:
            yield event

    def listen_to(self, identity: str | None, take: TakeSound) -> None:
        """Hear this person's microphone; None: nobody's."""
        self._stop_hearing()
        self._listened, self._take = identity, take
        participant = self._room.remote_participants.get(identity) if identity is not None else None
        for publication in participant.track_publications.values() if participant is not None else ():
            self._want(publication)

    async def heard_by(self, timeout_s: float) -> bool:
        """Wait until somebody receives the agent's track."""
        if self._publication is None:
            return False
        try:
            async with asyncio.timeout(timeout_s):
                await self._publication.wait_for_subscription()
        except TimeoutError:
            return False
        return True

    async def play(self, pcm: Pcm16) -> None:
        """Put 24 kHz samples on the agent's track."""
        missing = -pcm.size % GRAIN
        samples = np.pad(pcm, (0, missing)) if missing else pcm
        frame = rtc.AudioFrame(samples.tobytes(), RATE_HZ, 1, samples.size)
        await _timely(self._source.capture_frame(frame), "sending sound", DEADLINE_S)

    def fall_silent(self) -> None:
        """Drop what has not left yet."""
        self._source.clear_queue()

    async def set_attributes(self, attributes: Mapping[str, str]) -> None:
        """Show attributes of the agent."""
        setting = self._room.local_participant.set_attributes(dict(attributes))
        await _timely(setting, "setting attributes", DEADLINE_S)

    async def open_words(self, attributes: Mapping[str, str]) -> _Words:
        """Begin a text stream on `lk.transcription`."""
        opening = self._room.local_participant.stream_text(topic=WORDS_TOPIC, attributes=dict(attributes))
        return _Words(await _timely(opening, "opening a text stream", DEADLINE_S))

    async def send_words(self, text: str, speaker: str, attributes: Mapping[str, str]) -> None:
        """Send a whole text on `lk.transcription`."""
        opening = self._room.local_participant.stream_text(
            topic=WORDS_TOPIC, attributes=dict(attributes), sender_identity=speaker
        )
        words = _Words(await _timely(opening, "opening a text stream", DEADLINE_S))
        await words.write(text)
        await words.close(attributes)

    async def send_event(self, event: str) -> None:
        """Send a data packet on `voicechat`."""
        sending = self._room.local_participant.publish_data(event, topic=EVENTS_TOPIC)
        await _timely(sending, "sending data", DEADLINE_S)

    async def call_function(self, identity: str, name: str, arguments: str) -> str:
        """Let the program that is here for it, else the person's client, run a function, by LiveKit's RPC."""
        others = self._room.remote_participants.values()
        runner = next((one.identity for one in others if runs_functions(one.attributes)), identity)
        try:
            return await self._room.local_participant.perform_rpc(
                destination_identity=runner, method=name, payload=arguments, response_timeout=FUNCTION_TIMEOUT_S
            )
        except rtc.RpcError as error:
            raise FunctionError(error.message) from error

    def track_of(self, identity: str) -> str:
        """The id of the track that words of this participant belong to."""
        if identity == self.identity:
            return self._publication.sid if self._publication is not None else ""
        participant = self._room.remote_participants.get(identity)
        tracks = participant.track_publications.values() if participant is not None else ()
        return next((track.sid for track in tracks if _is_microphone(track)), "")

    async def leave(self) -> None:
        """Be gone."""
        self._stop_hearing()
        self._put(None)
        if self._connecting is not None:
            await asyncio.wait((self._connecting,))
        # Streams go before the room that they belong to.
        await self._tasks.aclose()
        try:
            await _timely(self._room.disconnect(), "leaving the room", DEADLINE_S)
        except RoomError as error:
            log.warning("a room was left the hard way", reason=str(error))
        await self._source.aclose()

    # --- what the room tells

    def _watch(self) -> None:
        on = self._room.on
        on("participant_connected", self._came)
        on("participant_disconnected", self._went)
        on("track_published", lambda publication, participant: self._appeared(publication, participant))
        on("track_subscribed", self._subscribed)
        on("track_unsubscribed", lambda track, publication, participant: self._vanished(publication))
        on("sip_dtmf_received", self._pressed)
        on("data_received", self._asked)
        on("disconnected", lambda reason: self._put(None))
        self._room.register_text_stream_handler(CHAT_TOPIC, self._typed)

    def _came(self, participant: rtc.RemoteParticipant) -> None:
        if _is_person(participant):
            self._put(PersonCame(participant.identity))
        elif self._is_ours(participant):
            self._put(AgentCame(participant.identity, self._was_here_before(participant)))

    def _went(self, participant: rtc.RemoteParticipant) -> None:
        if _is_person(participant):
            self._put(PersonLeft(participant.identity))
        elif self._is_ours(participant):
            self._put(AgentLeft(participant.identity))

    def _is_ours(self, participant: rtc.RemoteParticipant) -> bool:
        is_agent = participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        return is_agent and participant.attributes.get(AGENT_NAME_ATTRIBUTE) == self._agent_name

    def _was_here_before(self, participant: rtc.RemoteParticipant) -> bool:
        own = self._room.local_participant
        theirs_at, own_at = participant.joined_at, own.joined_at
        if theirs_at is None or own_at is None or theirs_at == own_at:
            return participant.identity < own.identity
        return theirs_at < own_at

    def _appeared(self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == self._listened:
            self._want(publication)

    def _want(self, publication: rtc.RemoteTrackPublication) -> None:
        if not _is_microphone(publication):
            return
        if isinstance(publication.track, rtc.RemoteAudioTrack):
            self._hear(publication.track)
        publication.set_subscribed(True)

    def _subscribed(
        self, track: rtc.Track, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if participant.identity == self._listened and isinstance(track, rtc.RemoteAudioTrack):
            self._hear(track)

    def _vanished(self, publication: rtc.RemoteTrackPublication) -> None:
        if publication.sid == self._heard_sid:
            self._stop_hearing()

    def _pressed(self, dtmf: rtc.SipDTMF) -> None:
        if dtmf.participant is not None:
            self._put(KeyPressed(dtmf.participant.identity, dtmf.digit))

    def _asked(self, packet: rtc.DataPacket) -> None:
        if packet.topic == EVENTS_TOPIC and packet.participant is not None and _kind_of(packet.data) == HUSH:
            self._put(HushAsked(packet.participant.identity))

    def _typed(self, reader: rtc.TextStreamReader, identity: str) -> None:
        self._tasks.start(self._read(reader, identity), "typed text")

    async def _read(self, reader: rtc.TextStreamReader, identity: str) -> None:
        try:
            text = await _timely(reader.read_all(), "reading a message", DEADLINE_S)
        except RoomError as error:
            log.warning("a typed message was lost", reason=str(error))
        else:
            self._put(TextTyped(identity, text[:MAX_TYPED_CHARS]))
        finally:
            reader.close()

    def _put(self, event: RoomEvent | None) -> None:
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            log.warning("a room says more than can be followed; something is lost", lost=type(event).__name__)

    # --- sound

    def _hear(self, track: rtc.RemoteAudioTrack) -> None:
        if track.sid == self._heard_sid or self._take is None:
            return
        # A device that was changed is a new track; the old one has nothing more to say.
        self._stop_hearing()
        self._heard_sid = track.sid
        self._hearing = self._tasks.start(_pass_on(track, self._take), "hearing")

    def _stop_hearing(self) -> None:
        if self._hearing is not None:
            self._hearing.cancel()
        self._hearing, self._heard_sid = None, ""


class _Words:
    """A `WordsStream`."""

    def __init__(self, writer: rtc.TextStreamWriter) -> None:
        self._writer = writer

    async def write(self, text: str) -> None:
        """Add to it."""
        await _timely(self._writer.write(text), "sending words", DEADLINE_S)

    async def close(self, attributes: Mapping[str, str]) -> None:
        """End it."""
        await _timely(self._writer.aclose(attributes=dict(attributes)), "ending words", DEADLINE_S)


def _kind_of(data: bytes) -> str | None:
    """The type of an event; None for what is none."""
    try:
        event = json.loads(data[:MAX_EVENT_BYTES])
    except (ValueError, RecursionError):
        return None
    kind = event.get("type") if isinstance(event, dict) else None
    return kind if isinstance(kind, str) else None


def _is_person(participant: rtc.RemoteParticipant) -> bool:
    return participant.kind in PEOPLE and not runs_functions(participant.attributes)


def _is_microphone(publication: rtc.RemoteTrackPublication) -> bool:
    return publication.source == rtc.TrackSource.SOURCE_MICROPHONE


async def _pass_on(track: rtc.RemoteAudioTrack, take: TakeSound) -> None:
    # Converted by the SDK, which decodes at its own rate anyway.
    stream = rtc.AudioStream(track, sample_rate=EARS_RATE_HZ, num_channels=1, frame_size_ms=20, capacity=WAITING_FRAMES)
    try:
        async for event in stream:
            take(np.frombuffer(event.frame.data, dtype=np.int16), EARS_RATE_HZ)
    finally:
        await stream.aclose()


async def _timely(doing: Awaitable[Result], what: str, deadline_s: float) -> Result:
    try:
        async with asyncio.timeout(deadline_s):
            return await doing
    except TimeoutError as error:
        raise RoomError(f"{what} took longer than {deadline_s:.0f} s") from error
    except Exception as error:  # the SDK raises plain exceptions
        raise RoomError(f"{what} failed: {error}") from error
