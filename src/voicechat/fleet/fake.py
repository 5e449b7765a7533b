"""A fleet without workers, for unit tests.

Every word is a tone of fixed length, and audio is there as soon as it is asked for, so a test's time is its own.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np

from voicechat.audio.pcm import Pcm16, ms_to_samples, samples_to_ms
from voicechat.fleet.port import (
    AudioChunk,
    SegmentFinished,
    SegmentStarted,
    SpeechDone,
    SpeechEvent,
    SpeechRequest,
    SpeechStream,
    SpokenWord,
    Started,
    VoiceError,
    VoiceModel,
    WordsTimed,
)
from voicechat.fleet.record import WorkerRecord

_SENTENCE = re.compile(r"[^.!?]*[.!?]+(?=\s)\s*")
_WORD = re.compile(r"\S+")


def tone(samples: int, sample_rate_hz: int, frequency_hz: float = 440.0) -> Pcm16:
    """A quiet sine, int16."""
    phase = 2 * np.pi * frequency_hz * np.arange(samples) / sample_rate_hz
    return (3000 * np.sin(phase)).astype(np.int16)


class FakeSpeechStream:
    """One reply of `FakeFleet`. `sent`, `played_samples`, `paused` and `stopped` show what was asked of it."""

    def __init__(self, fleet: FakeFleet, request: SpeechRequest) -> None:
        self.request = request
        self.sent = ""
        self.ended = False
        self.paused = False
        self.stopped = False
        self.cancelled = False
        self.played_samples = 0
        self._fleet = fleet
        self._rate = request.sample_rate_hz or 24_000
        self._offset = 0
        self._spoken_to = 0
        self._segments = 0
        self._ready: deque[SpeechEvent] = deque([Started(request.model_id or "fake", self._rate, request.seed or 1, 0)])
        self._changed = asyncio.Event()

    async def push_text(self, text: str) -> None:
        """Speak the sentences that `text` completes."""
        self.sent += text
        while match := _SENTENCE.match(self.sent, self._spoken_to):
            self._speak_to(match.end())
        self._changed.set()

    async def flush(self) -> None:
        """Speak everything sent so far."""
        self._speak_to(len(self.sent))
        self._changed.set()

    async def end(self) -> None:
        """Speak the rest; `SpeechDone` follows it."""
        self._speak_to(len(self.sent))
        self.ended = True
        self._changed.set()

    async def played(self, samples: int) -> None:
        """Keep what the listener reported."""
        self.played_samples = samples

    async def pause(self) -> None:
        """Hold events back."""
        self.paused = True

    async def resume(self) -> None:
        """Let events flow again."""
        self.paused = False
        self._changed.set()

    async def stop(self) -> None:
        """Drop what was not taken; the next event is `SpeechDone(stopped=True)`."""
        self.stopped = True
        self._ready.clear()
        self._changed.set()

    async def __aiter__(self) -> AsyncIterator[SpeechEvent]:
        """Events in order."""
        while True:
            if self.stopped:
                break
            if self._ready and not self.paused:
                event = self._ready.popleft()
                if isinstance(event, AudioChunk):
                    self._fail_if_due(event)
                yield event
            elif self.ended and not self._ready:
                break
            else:
                self._changed.clear()
                await self._changed.wait()
        yield SpeechDone(samples_to_ms(self._offset, self._rate), 0.0, self.stopped)

    def _fail_if_due(self, chunk: AudioChunk) -> None:
        due = self._fleet.fail_after_ms
        if due is not None and samples_to_ms(chunk.offset_samples, self._rate) >= due:
            raise VoiceError("UNAVAILABLE", "the fake worker died")

    def _speak_to(self, end: int) -> None:
        text = self.sent[self._spoken_to : end]
        if not text:
            return
        start, self._spoken_to = self._spoken_to, end
        index, self._segments = self._segments, self._segments + 1
        self._ready.append(SegmentStarted(index, text, start, end))
        words = tuple(self._words(text, start))
        if words:
            self._ready.append(WordsTimed(words))
            self._ready.extend(self._audio(len(words)))
        self._ready.append(SegmentFinished(index))

    def _words(self, text: str, start: int) -> Iterator[SpokenWord]:
        at = samples_to_ms(self._offset, self._rate)
        for match in _WORD.finditer(text):
            until = at + self._fleet.word_ms
            yield SpokenWord(match.group(), start + match.start(), start + match.end(), at, until)
            at = until

    def _audio(self, words: int) -> Iterator[AudioChunk]:
        left = ms_to_samples(words * self._fleet.word_ms, self._rate)
        chunk = ms_to_samples(self._fleet.chunk_ms, self._rate)
        while left:
            samples = min(chunk, left)
            yield AudioChunk(tone(samples, self._rate), self._offset)
            self._offset += samples
            left -= samples


@dataclass
class FakeFleet:
    """Speaks each written word for `word_ms`, in chunks of `chunk_ms`.

    `refuse_with` fails the opening of a reply, `fail_after_ms` a reply after that much audio. `streams` keeps every
    reply opened, in order. `capacity` is what it says of itself.
    """

    word_ms: float = 300.0
    chunk_ms: float = 20.0
    refuse_with: VoiceError | None = None
    fail_after_ms: float | None = None
    streams: list[FakeSpeechStream] = field(default_factory=list)
    closed: bool = False
    capacity: int | None = None

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[SpeechStream]:
        """Open a reply. Raises `refuse_with` where it is set."""
        if self.refuse_with is not None:
            raise self.refuse_with
        stream = FakeSpeechStream(self, request)
        self.streams.append(stream)
        finished = False
        try:
            yield stream
            finished = True
        finally:
            stream.cancelled = not finished

    async def models(self) -> Sequence[VoiceModel]:
        """The one voice there is."""
        return [VoiceModel("fake", "fake", ("en",), ("default",), 24_000, "CC0-1.0", True, True)]

    async def workers(self) -> Sequence[WorkerRecord]:
        """The one worker there is. Raises `refuse_with` where it is set."""
        await self.check()
        return [WorkerRecord(name="fake", address="fake:7001", capacity=self.capacity or 0)]

    async def check(self) -> None:
        """Raise `refuse_with` where it is set."""
        if self.refuse_with is not None:
            raise self.refuse_with

    async def aclose(self) -> None:
        """Note that the fleet was released."""
        self.closed = True
