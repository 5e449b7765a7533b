"""The product, called in a LiveKit room with LiveKit's own SDK."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
from livekit import rtc

from voicechat.audio.pcm import Pcm16, rms_dbfs
from voicechat.bench.calls.line import (
    CallWish,
    Failed,
    Line,
    Measured,
    Paused,
    ReplyBegan,
    ReplyOver,
    ReplySound,
    Signal,
    SpeechNoticed,
    TimedSignal,
    Transcribed,
    TurnTaken,
)
from voicechat.bench.playout import SOUND_DBFS
from voicechat.bench.statistics import share
from voicechat.client.errors import ClientError
from voicechat.client.playout import RATE_HZ
from voicechat.conversation.tasks import TaskOwner

FRAME_MS = 20
READY_TIMEOUT_S = 30.0
TICKET_TIMEOUT_S = 10.0
TAIL_FRAMES = 10
"""Silent frames that still belong to a reply; a track goes on for ever."""
QUEUE_MS = 100
MAX_SIGNALS = 10_000
HUSH = '{"type": "voicechat.hush"}'
TOPIC, WORDS_TOPIC = "voicechat", "lk.transcription"


class LiveKitLine:
    """One room with one caller. What cannot be taken back by a caller in a room, sound that has come, never is void."""

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._microphone = rtc.AudioSource(RATE_HZ, 1, queue_size_ms=QUEUE_MS)
        self._signals: asyncio.Queue[TimedSignal | None] = asyncio.Queue(MAX_SIGNALS)
        self._tasks = TaskOwner()
        self._texts: dict[str, str] = {}
        self._reply: tuple[str, str] | None = None
        self._is_listened_to = asyncio.Event()

    async def open(self, url: str, token: str) -> None:
        """Enter, and wait until the assistant listens. Raises `ClientError`."""
        on = self._room.on
        on("track_subscribed", lambda track, publication, participant: self._appeared(track, participant))
        on("data_received", self._told)
        on("participant_attributes_changed", lambda changed, participant: self._changed(changed))
        on("disconnected", lambda reason: self._put_end())
        self._room.register_text_stream_handler(
            WORDS_TOPIC, lambda reader, speaker: self._start(self._read(reader, speaker), "words")
        )
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await self._room.connect(url, token)
                track = rtc.LocalAudioTrack.create_audio_track("microphone", self._microphone)
                options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
                await self._room.local_participant.publish_track(track, options)
                for participant in self._room.remote_participants.values():
                    self._changed(participant.attributes)
                await self._is_listened_to.wait()
        except TimeoutError as error:
            raise ClientError("no assistant listened in the room") from error
        except rtc.ConnectError as error:
            raise ClientError(f"the room could not be entered: {error.message}") from error

    async def close(self) -> None:
        """Leave."""
        await self._room.disconnect()
        await self._tasks.aclose()
        await self._microphone.aclose()

    async def send(self, pcm: Pcm16) -> None:
        """20 ms of the caller's sound."""
        await self._microphone.capture_frame(rtc.AudioFrame(pcm.tobytes(), RATE_HZ, 1, pcm.size))

    async def signals(self) -> AsyncIterator[TimedSignal]:
        """What the assistant sends."""
        while (signal := await self._signals.get()) is not None:
            yield signal

    async def played(self, item_id: str, position_ms: int) -> None:
        """Nobody asks: the track is played as it comes."""

    async def hush(self) -> None:
        """Stop the reply."""
        await self._room.local_participant.publish_data(HUSH, topic=TOPIC)

    async def history(self, item_id: str) -> str | None:
        """The words of a reply that count, as they were told at its end."""
        return self._texts.get(item_id)

    async def reception(self) -> dict[str, float]:
        """How the assistant's track came: packets received and lost, and how much sound had to be made up."""
        told = await self._room.get_rtc_stats()
        # Which connection sound comes by depends on whether there are one or two of them.
        stats = (*told.publisher_stats, *told.subscriber_stats)
        heard = max((one.inbound_rtp for one in stats), key=lambda one: one.received.packets_received)
        received, sound = heard.received, heard.inbound
        return {
            "packets_received": received.packets_received,
            "packets_lost": received.packets_lost,
            "concealed_percent": round(100 * share(sound.concealed_samples, sound.total_samples_received), 2),
            "buffered_ms": round(1000 * share(sound.jitter_buffer_delay, sound.jitter_buffer_emitted_count), 1),
        }

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.start(work, name)

    def _put(self, signal: Signal) -> None:
        self._signals.put_nowait(TimedSignal(asyncio.get_running_loop().time(), signal))

    def _put_end(self) -> None:
        self._signals.put_nowait(None)

    def _changed(self, attributes: Mapping[str, str]) -> None:
        if attributes.get("lk.agent.state") == "listening":
            self._is_listened_to.set()

    def _appeared(self, track: rtc.Track, participant: rtc.RemoteParticipant) -> None:
        is_agent = participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        if is_agent and isinstance(track, rtc.RemoteAudioTrack):
            self._start(self._hear(track), "hearing")

    async def _hear(self, track: rtc.RemoteAudioTrack) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE_HZ, num_channels=1, frame_size_ms=FRAME_MS)
        begun, silent = False, 0
        try:
            async for event in stream:
                pcm = np.frombuffer(event.frame.data, dtype=np.int16)
                is_loud = rms_dbfs(pcm) > SOUND_DBFS
                silent = 0 if is_loud else silent + 1
                begun = is_loud or (begun and silent <= TAIL_FRAMES)
                if begun and self._reply is not None:
                    self._put(ReplySound(*self._reply, pcm.copy()))
        finally:
            await stream.aclose()

    async def _read(self, reader: rtc.TextStreamReader, speaker: str) -> None:
        segment = (reader.info.attributes or {}).get("lk.segment_id", "")
        text = await reader.read_all()
        is_final = (reader.info.attributes or {}).get("lk.transcription_final") == "true"
        if speaker == self._room.local_participant.identity:
            self._put(Transcribed(segment, text.strip(), is_final))

    def _told(self, packet: rtc.DataPacket) -> None:
        if packet.topic != TOPIC:
            return
        event = json.loads(packet.data)
        if (read := _READERS.get(event["type"])) and (signal := read(self, event)) is not None:
            self._put(signal)

    def _replied(self, event: Mapping[str, Any]) -> Signal:
        reply, item = event["response_id"], event["item_id"]
        if event["status"] == "started":
            self._reply = (reply, item)
            return ReplyBegan(reply)
        self._texts[item] = event["text"]
        return ReplyOver(reply, completed=event["status"] == "completed")


_READERS: Mapping[str, Callable[[LiveKitLine, Mapping[str, Any]], Signal | None]] = {
    "voicechat.speech": lambda _, event: SpeechNoticed(),
    "voicechat.committed": lambda _, event: TurnTaken(event["item_id"]),
    "voicechat.reply": LiveKitLine._replied,
    "voicechat.state": lambda _, event: Paused() if event["state"] == "interrupted" else None,
    "voicechat.turn": lambda _, event: Measured(event["response_id"], event["stages_ms"], event["starts_ms"]),
    "voicechat.error": lambda _, event: Failed(event["message"]),
}


class LiveKitAssistant:
    """A running server at `url` (http://...) that serves rooms; `settings` goes into the report."""

    name = "voicechat in LiveKit"

    def __init__(self, url: str, settings: dict[str, Any]) -> None:
        self.settings = settings
        self._url = url

    @asynccontextmanager
    async def call(self, wish: CallWish) -> AsyncIterator[Line]:
        """Ask for a room, and enter it."""
        details = await self._details(wish)
        line = LiveKitLine(rtc.Room())
        try:
            await line.open(details["serverUrl"], details["participantToken"])
            yield line
        finally:
            await line.close()

    async def _details(self, wish: CallWish) -> dict[str, Any]:
        wished = {"instructions": wish.instructions, "max_output_tokens": wish.max_output_tokens}
        session = {"type": "realtime", **{name: value for name, value in wished.items() if value is not None}}
        try:
            async with httpx.AsyncClient(timeout=TICKET_TIMEOUT_S) as client:
                answer = await client.post(f"{self._url}/api/connection-details", json={"session": session})
                answer.raise_for_status()
        except httpx.HTTPError as error:
            raise ClientError(f"no room was given: {error}") from error
        found: dict[str, Any] = answer.json()
        return found
