"""A reply spoken by the fleet: text goes to the worker as it is written, audio comes back with its words timed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextlib import aclosing, suppress
from typing import Any

from livekit import rtc
from livekit.agents import tts
from livekit.agents.types import (
    DEFAULT_API_CONNECT_OPTIONS,
    USERDATA_TIMED_TRANSCRIPT,
    APIConnectOptions,
    TimedString,
)

from voicechat.conversation.playout import RATE_HZ
from voicechat.conversation.spoken import Piece, SpokenText
from voicechat.fleet.port import (
    AudioChunk,
    SpeechRequest,
    SpeechStream,
    VoiceError,
    VoiceFleet,
    WordsTimed,
)


class FleetVoice(tts.TTS[Any]):
    """Tells the engine what the fleet can do; replies themselves are made by `ReplyVoice`."""

    def __init__(self) -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=True, aligned_transcript=True),
            sample_rate=RATE_HZ,
            num_channels=1,
        )

    @property
    def provider(self) -> str:
        """Who speaks."""
        return "voicechat"

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        """Not used: every reply is a stream."""
        raise NotImplementedError("a conversation speaks in streams; whole texts go to VoiceFleet.speak")


class ReplyVoice:
    """One reply's voice, and what the playout tells it. Control is coalesced: only the latest word counts."""

    def __init__(self, fleet: VoiceFleet, request: SpeechRequest, spoken: SpokenText) -> None:
        self._fleet = fleet
        self._request = request
        self._spoken = spoken
        self._played = 0
        self._held = False
        self._changed = asyncio.Event()

    def played(self, samples: int) -> None:
        """The listener has heard this many samples."""
        self._played = samples
        self._changed.set()

    def hold(self, held: bool) -> None:
        """Playout waits, or goes on."""
        self._held = held
        self._changed.set()

    async def frames(
        self, text: AsyncIterable[str], on_first_text: Callable[[], None]
    ) -> AsyncGenerator[rtc.AudioFrame, None]:
        """Audio at 24 kHz, each frame with the words that it opens. Raises `VoiceError`."""
        async with self._fleet.speak(self._request) as stream:
            feeder = asyncio.create_task(self._feed(stream, text, on_first_text), name="reply text to the voice")
            control = asyncio.create_task(self._control(stream), name="playout to the voice")
            try:
                async with aclosing(self._read(stream)) as frames:
                    async for frame in frames:
                        yield frame
            finally:
                for task in (feeder, control):
                    task.cancel()
                await asyncio.gather(feeder, control, return_exceptions=True)

    async def _read(self, stream: SpeechStream) -> AsyncGenerator[rtc.AudioFrame, None]:
        waiting: list[TimedString] = []
        end_samples = 0
        async for event in stream:
            if isinstance(event, WordsTimed):
                waiting += _timed(self._spoken.timed(event.words))
            elif isinstance(event, AudioChunk):
                end_samples = event.offset_samples + event.pcm.size
                yield _frame(event.pcm.tobytes(), waiting)
                waiting = []
        waiting += _timed(self._spoken.finish(end_samples * 1000 / RATE_HZ))
        if waiting and end_samples:
            yield _frame(bytes(2), waiting)

    async def _feed(self, stream: SpeechStream, text: AsyncIterable[str], on_first_text: Callable[[], None]) -> None:
        async for chunk in text:
            on_first_text()
            self._spoken.sent(chunk)
            await stream.push_text(chunk)
        await stream.end()

    async def _control(self, stream: SpeechStream) -> None:
        """A voice that is gone says so to the reader, not here."""
        played, held = 0, False
        with suppress(VoiceError):
            while True:
                await self._changed.wait()
                self._changed.clear()
                if self._held != held:
                    held = self._held
                    await (stream.pause() if held else stream.resume())
                if self._played != played:
                    played = self._played
                    await stream.played(played)


def _timed(pieces: Iterable[Piece]) -> list[TimedString]:
    return [TimedString(p.text, start_time=p.start_ms / 1000, end_time=p.end_ms / 1000) for p in pieces]


def _frame(pcm: bytes, words: list[TimedString]) -> rtc.AudioFrame:
    frame = rtc.AudioFrame(data=pcm, sample_rate=RATE_HZ, num_channels=1, samples_per_channel=len(pcm) // 2)
    frame.userdata[USERDATA_TIMED_TRANSCRIPT] = words
    return frame
