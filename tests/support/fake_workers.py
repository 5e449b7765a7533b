"""Workers without processes: the worker's own reply code on a voice of tones, which can die or freeze at any event."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from voicechat.fleet.port import AudioChunk, SpeechDone, SpeechEvent, SpeechRequest, Started, VoiceError
from voicechat.fleet.wire import speech_event, start_message
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.tts.engine import Part, Prosody, SegmentPlan, VoiceTraits, WordTime, never
from voicechat.tts.options import reply_options
from voicechat.tts.reply import Reply
from voicechat.tts.scheduler import Pace

T = TypeVar("T")
RATE_HZ = 8000
LEAD_IN_S = 0.03
_WORD = re.compile(r"[\w']+")


class ToneVoice:
    """Each word has a level and a length of its own, so that audio tells which words it is made of."""

    @property
    def traits(self) -> VoiceTraits:
        return VoiceTraits(RATE_HZ, "en-US", ("default",))

    def speak(self, text: str, prosody: Prosody, hurry: Callable[[], bool] = never) -> Iterator[Part]:
        at_s = LEAD_IN_S
        words = []
        for match in _WORD.finditer(text):
            words.append(WordTime(*match.span(), at_s, at_s + self._length_s(match.group())))
            at_s = words[-1].end_s
        yield SegmentPlan(tuple(words), at_s if words else 0.0)
        if words:
            yield np.zeros(round(LEAD_IN_S * RATE_HZ), np.float32)
        for match in _WORD.finditer(text):
            level = 0.1 + 0.001 * (zlib.crc32(f"{match.group()} {prosody.seed}".encode()) % 700)
            yield np.full(round(self._length_s(match.group()) * RATE_HZ), level, np.float32)

    def _length_s(self, word: str) -> float:
        return 0.08 + 0.02 * len(word)


@dataclass
class Fate:
    """How a worker ends a reply: after `events` of them it dies, freezes, or is slow; None: it speaks to the end."""

    events: int | None = None
    freezes: bool = False
    slow_s: float = 0.0
    refuses: VoiceError | None = None


@dataclass
class FakeAttempt:
    """Implements `Attempt` and `WorkerStream`."""

    worker: str
    request: SpeechRequest
    fate: Fate
    failed: bool | None = None
    sent: list[str] = field(default_factory=list)
    played_samples: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._out: asyncio.Queue[SpeechEvent] = asyncio.Queue()
        start = start_message(self.request).start
        options = reply_options(start, ToneVoice().traits)
        self._reply = Reply(ToneVoice(), 0.0, options, self._submit, self._send, 100_000, self._loop.time)
        self._out.put_nowait(Started("tone", options.sample_rate_hz, options.prosody.seed, 0))
        self._speaking = asyncio.ensure_future(self._reply.speak())
        self._given = 0

    @property
    def stream(self) -> FakeAttempt:
        return self

    async def answers(self, within_s: float) -> bool:
        if self._is_over and self.fate.freezes:
            await asyncio.sleep(within_s)
            return False
        return True

    def leave(self, *, failed: bool) -> None:
        if self.failed is None:
            self.failed = failed
            self._speaking.cancel()

    async def read(self) -> SpeechEvent:
        if self._is_over:
            if self.fate.slow_s:
                await asyncio.sleep(self.fate.slow_s)
            elif self.fate.freezes:
                await asyncio.Event().wait()
            else:
                raise VoiceError("UNAVAILABLE", f"{self.worker} died")
        self._given += 1
        return await self._out.get()

    async def push_text(self, text: str) -> None:
        self.sent.append(text)
        await self._reply.push_text(text)

    async def flush(self) -> None:
        self._reply.flush()

    async def end(self) -> None:
        self._reply.end()

    async def played(self, samples: int) -> None:
        self.played_samples.append(samples)
        self._reply.played(samples)

    async def pause(self) -> None:
        self._reply.pause()

    async def resume(self) -> None:
        self._reply.resume()

    async def stop(self) -> None:
        self._reply.stop()

    @property
    def _is_over(self) -> bool:
        return self.fate.events is not None and self._given >= self.fate.events

    def _submit(self, run: Callable[[], T], pace: Pace, deadline_s: float) -> asyncio.Future[T]:
        done: asyncio.Future[T] = self._loop.create_future()
        done.set_result(run())
        return done

    async def _send(self, response: pb.SynthesizeResponse) -> None:
        self._out.put_nowait(speech_event(response))


@dataclass
class FakeWorkers:
    """Implements `Opener`: each reply opened takes the next worker, and its fate."""

    fates: list[Fate] = field(default_factory=list)
    attempts: list[FakeAttempt] = field(default_factory=list)
    others: bool = True
    room: bool = True

    async def open(self, request: SpeechRequest, left: Collection[str] = ()) -> FakeAttempt:
        fate = self.fates.pop(0) if self.fates else Fate()
        if fate.refuses is not None:
            raise fate.refuses
        if left and not self.others:
            raise VoiceError("UNAVAILABLE", "there is no other worker")
        attempt = FakeAttempt(f"worker-{len(self.attempts)}", request, fate)
        assert attempt.worker not in left
        self.attempts.append(attempt)
        return attempt

    def has_other(self, request: SpeechRequest, left: Collection[str]) -> bool:
        return self.others

    def has_room(self, request: SpeechRequest, left: Collection[str]) -> bool:
        return self.others and self.room


def audio_of(events: list[SpeechEvent]) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    """All of the audio; it must have neither gap nor overlap."""
    place = None
    chunks = [np.zeros(0, np.int16)]
    for event in events:
        if isinstance(event, AudioChunk):
            assert place in (None, event.offset_samples)
            place = event.offset_samples + event.pcm.size
            chunks.append(event.pcm)
    return np.concatenate(chunks)


def done_of(events: list[SpeechEvent]) -> SpeechDone:
    """The end of a reply, of which there is one, and nothing behind it."""
    assert [event for event in events if isinstance(event, SpeechDone)] == events[-1:]
    last = events[-1]
    assert isinstance(last, SpeechDone)
    return last
