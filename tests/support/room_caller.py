"""A person in a room, made with LiveKit's own SDK."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
from livekit import rtc

from voicechat.audio.pcm import Pcm16, rms_dbfs

RATE_HZ = 24_000
KEYS = "0123456789*#ABCD"
"""By their codes: RFC 4733, section 3.2."""
QUIET_DBFS = -50.0


@dataclass(slots=True)
class Words:
    """One text stream on `lk.transcription`."""

    speaker: str
    segment: str
    text: str
    is_final: bool


@dataclass(slots=True)
class RoomCaller:
    """A connected person. `sound` is what came on the agent's track, 24 kHz, silence included."""

    room: rtc.Room
    microphone: rtc.AudioSource
    sound: list[Pcm16] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    @property
    def identity(self) -> str:
        return self.room.local_participant.identity

    @property
    def agents(self) -> list[rtc.RemoteParticipant]:
        kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        return [one for one in self.room.remote_participants.values() if one.kind == kind]

    @property
    def heard(self) -> Pcm16:
        return np.concatenate(self.sound) if self.sound else np.zeros(0, np.int16)

    def said(self, speaker: str) -> str:
        """The final words of one side, where one segment replaces its earlier forms."""
        segments = {words.segment: words.text for words in self.words if words.speaker == speaker and words.is_final}
        return " ".join(text.strip() for text in segments.values())

    def told(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """Our own events of one type."""
        return [one for one in self.events if one["type"] == kind and fields.items() <= one.items()]

    async def say(self, pcm: Pcm16) -> None:
        """Speak audio of the microphone's rate in real time, to its end."""
        rate_hz = self.microphone.sample_rate
        frame = rate_hz // 50
        for start in range(0, pcm.size, frame):
            piece = np.pad(pcm[start : start + frame], (0, max(0, start + frame - pcm.size)))
            await self.microphone.capture_frame(rtc.AudioFrame(piece.tobytes(), rate_hz, 1, frame))
        await self.microphone.wait_for_playout()

    async def press(self, keys: str) -> None:
        """Press keys of a telephone."""
        for key in keys:
            await self.room.local_participant.publish_dtmf(code=KEYS.index(key), digit=key)

    async def until(self, holds: Callable[[], object], timeout_s: float = 30.0) -> None:
        """Wait for something to become true."""
        try:
            async with asyncio.timeout(timeout_s):
                while not holds():
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{self.states=} {self.details=} {self.words=} {self.events=}") from None

    async def until_silent(self, quiet_s: float = 0.6, timeout_s: float = 30.0) -> None:
        """Wait until the agent's track has been silent for a while."""
        frames = round(quiet_s * 50)
        await self.until(
            lambda: len(self.sound) >= frames and all(rms_dbfs(one) < QUIET_DBFS for one in self.sound[-frames:]),
            timeout_s,
        )

    @property
    def is_spoken_to(self) -> bool:
        """Whether sound comes right now."""
        return any(rms_dbfs(one) > QUIET_DBFS for one in self.sound[-5:])

    async def type(self, text: str) -> None:
        """Send a message as LiveKit's components do."""
        await self.room.local_participant.send_text(text, topic="lk.chat")


def details(api_url: str, **asked: Any) -> dict[str, Any]:
    """A room and a token."""
    answer = httpx.post(f"{api_url}/api/connection-details", json=asked, timeout=20)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


@asynccontextmanager
async def caller(
    url: str, token: str, *, with_microphone: bool = True, rate_hz: int = RATE_HZ
) -> AsyncIterator[RoomCaller]:
    """Enter a room, with a microphone of `rate_hz` and both ears open."""
    room = rtc.Room()
    person = RoomCaller(room, rtc.AudioSource(rate_hz, 1, queue_size_ms=100))
    _attend(person)
    await room.connect(url, token)
    for agent in person.agents:
        _note(person, agent.attributes)
    if with_microphone:
        await publish_microphone(person)
    try:
        yield person
    finally:
        await room.disconnect()
        for task in person.tasks:
            task.cancel()
        await asyncio.gather(*person.tasks, return_exceptions=True)
        await person.microphone.aclose()


async def publish_microphone(person: RoomCaller) -> rtc.LocalTrackPublication:
    track = rtc.LocalAudioTrack.create_audio_track("microphone", person.microphone)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    return await person.room.local_participant.publish_track(track, options)


def _attend(person: RoomCaller) -> None:
    def start(work: Any) -> None:
        task = asyncio.ensure_future(work)
        person.tasks.add(task)
        task.add_done_callback(person.tasks.discard)

    def subscribed(track: rtc.Track, _: object, participant: rtc.RemoteParticipant) -> None:
        if isinstance(track, rtc.RemoteAudioTrack) and participant in person.agents:
            start(_hear(person, track))

    person.room.on("track_subscribed", subscribed)
    person.room.on("participant_attributes_changed", lambda changed, _: _note(person, changed))
    person.room.on("data_received", lambda packet: person.events.append(json.loads(packet.data)))
    person.room.register_text_stream_handler(
        "lk.transcription", lambda reader, speaker: start(_read(person, reader, speaker))
    )


def _note(person: RoomCaller, attributes: dict[str, str]) -> None:
    if "lk.agent.state" in attributes:
        person.states.append(attributes["lk.agent.state"])
    if attributes.get("voicechat.status"):
        person.details.append(attributes["voicechat.status"])


async def _hear(person: RoomCaller, track: rtc.RemoteAudioTrack) -> None:
    stream = rtc.AudioStream(track, sample_rate=RATE_HZ, num_channels=1, frame_size_ms=20)
    try:
        async for event in stream:
            person.sound.append(np.frombuffer(event.frame.data, dtype=np.int16).copy())
    finally:
        await stream.aclose()


async def _read(person: RoomCaller, reader: rtc.TextStreamReader, speaker: str) -> None:
    attributes = dict(reader.info.attributes or {})
    text = await reader.read_all()
    attributes.update(reader.info.attributes or {})
    is_final = attributes.get("lk.transcription_final") == "true"
    person.words.append(Words(speaker, attributes["lk.segment_id"], text, is_final))
