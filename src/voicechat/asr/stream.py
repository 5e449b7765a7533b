"""One conversation's utterances: bounded audio in, transcripts out.

While the person speaks, interim decodes run when nothing more urgent does. One is made as soon as they pause; where
only quiet follows it, its words are the final ones, and nothing is left to do when the utterance is closed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from voicechat.asr.engines.port import MAX_PIECE_S, Recognition, RecognitionEngine
from voicechat.asr.levels import PauseMeter, quietest_cut
from voicechat.asr.port import EARS_RATE_HZ, EarsError, HeardWord, Transcript
from voicechat.asr.worker import DecodingWorker, Priority
from voicechat.audio.pcm import Pcm16

LEAST_INTERIM_S = 0.5
"""Less than a word."""
PAUSE_S = 0.2
"""Quiet after which an interim decode may turn out to be the final one."""
CUT_SEARCH_S = 8.0
MAX_PIECES = 64
"""Half an hour without a pause in one utterance; what comes after is not heard."""
MAX_UNREAD = 64
PUSH_BLOCK_SAMPLES = EARS_RATE_HZ


@dataclass(frozen=True, slots=True)
class _Decode:
    """A decode of the current piece up to `samples`. `paused`: it ends in quiet."""

    samples: int
    paused: bool
    result: Future[Recognition]


@dataclass(frozen=True, slots=True)
class _Closed:
    """An utterance that was flushed, in pieces; `flushed_at` is on the stream's clock, seconds."""

    results: tuple[Future[Recognition], ...]
    audio_s: float
    flushed_at: float


class UtteranceStream:
    """The stream that the ears hand out; used on the event loop only."""

    def __init__(
        self,
        engine: RecognitionEngine,
        worker: DecodingWorker,
        *,
        language: str | None,
        piece_s: float,
        interim_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._worker = worker
        self._language = language
        self._piece_samples = int(min(piece_s, MAX_PIECE_S) * EARS_RATE_HZ)
        self._interim_samples = int(interim_s * EARS_RATE_HZ)
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._out: asyncio.Queue[_Closed | Transcript | None] = asyncio.Queue()
        self._awaited: _Closed | None = None
        self._closed = False
        self._start_utterance()

    def _start_utterance(self) -> None:
        self._pieces: list[Future[Recognition]] = []
        self._samples_before = 0
        self._start_piece()

    def _start_piece(self) -> None:
        self._chunks: list[Pcm16] = []
        self._samples = 0
        self._meter = PauseMeter()
        self._latest: _Decode | None = None

    def push(self, pcm: npt.NDArray[np.int16]) -> None:
        """Take more of the utterance; beyond half an hour without a flush it is dropped."""
        if self._closed:
            return
        for start in range(0, pcm.size, PUSH_BLOCK_SAMPLES):
            if len(self._pieces) >= MAX_PIECES:
                return
            self._take(np.array(pcm[start : start + PUSH_BLOCK_SAMPLES], dtype=np.int16))
            if self._samples > self._piece_samples:
                self._cut_piece()
        self._consider_interim()

    def flush(self) -> None:
        """Close the utterance. Raises `EarsError` when too many transcripts are unread or too much waits."""
        if self._closed:
            return
        if self._out.qsize() >= MAX_UNREAD:
            raise EarsError(f"{MAX_UNREAD} transcripts are unread: iterate the stream while flushing it")
        results = (*self._pieces, self._final_decode())
        audio_s = (self._samples_before + self._samples) / EARS_RATE_HZ
        self._out.put_nowait(_Closed(results, audio_s, self._clock()))
        self._start_utterance()

    def clear(self) -> None:
        """Forget the utterance and cancel what is not yet being decoded of it."""
        for result in self._pieces:
            result.cancel()
        if self._latest is not None:
            self._latest.result.cancel()
        self._start_utterance()

    async def aclose(self) -> None:
        """End the iteration; decodes in progress finish unheard."""
        if self._closed:
            return
        self.clear()
        self._closed = True
        while not self._out.empty():
            entry = self._out.get_nowait()
            if isinstance(entry, _Closed):
                self._cancel(entry)
        if self._awaited is not None:
            self._cancel(self._awaited)
        self._out.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        """Transcripts in the order of their utterances. Raises `EarsError`; iterating again goes on."""
        while (entry := await self._out.get()) is not None:
            if isinstance(entry, Transcript):
                yield entry
            elif (heard := await self._recognised(entry)) is not None:
                yield heard

    async def _recognised(self, entry: _Closed) -> Transcript | None:
        """The words of a closed utterance; None when the stream was closed meanwhile."""
        self._awaited = entry
        waiting = [asyncio.wrap_future(result, loop=self._loop) for result in entry.results]
        await asyncio.wait(waiting)
        self._awaited = None
        if self._closed or any(future.cancelled() for future in waiting):
            return None
        parts = [future.result() for future in waiting]
        return _joined(parts, entry.audio_s, self._clock() - entry.flushed_at, is_final=True)

    def _cancel(self, entry: _Closed) -> None:
        for result in entry.results:
            result.cancel()

    def _take(self, pcm: Pcm16) -> None:
        self._chunks.append(pcm)
        self._samples += pcm.size
        self._meter.push(pcm)

    def _audio(self) -> Pcm16:
        self._chunks = [np.concatenate(self._chunks)] if self._chunks else [np.zeros(0, np.int16)]
        return self._chunks[0]

    def _decode(self, audio: Pcm16, priority: Priority) -> Future[Recognition]:
        return self._worker.submit(priority, lambda: self._engine.recognise(audio, self._language))

    def _cut_piece(self) -> None:
        """Give the oldest part of a long utterance to the engine, and go on with the rest."""
        audio = self._audio()
        earliest = max(self._piece_samples // 2, self._piece_samples - int(CUT_SEARCH_S * EARS_RATE_HZ))
        cut = quietest_cut(audio[: self._piece_samples], earliest)
        self._forget_interim()
        self._pieces.append(self._decode(audio[:cut], Priority.FINAL))
        self._samples_before += cut
        self._start_piece()
        self._take(audio[cut:])

    def _final_decode(self) -> Future[Recognition]:
        """The decode of the whole piece; an interim one that only quiet followed will do."""
        latest = self._latest
        if latest is not None and self._is_final(latest):
            return latest.result
        self._forget_interim()
        if not self._meter.heard_voice:
            return _resolved(Recognition("", self._language or "en"))
        return self._decode(self._audio(), Priority.FINAL)

    def _is_final(self, decode: _Decode) -> bool:
        heard = decode.result.running() or decode.result.done()
        return heard and decode.paused and self._meter.quiet_samples >= self._samples - decode.samples

    def _forget_interim(self) -> None:
        if self._latest is not None:
            self._latest.result.cancel()
            self._latest = None

    def _consider_interim(self) -> None:
        """Start a decode of what was said so far, if one is due and nothing waits for the threads."""
        if not self._interim_samples or self._samples < LEAST_INTERIM_S * EARS_RATE_HZ or not self._meter.heard_voice:
            return
        latest = self._latest
        if latest is not None and not latest.result.done():
            return
        quiet = self._meter.quiet_samples
        paused = quiet >= PAUSE_S * EARS_RATE_HZ
        new = self._samples - (latest.samples if latest else 0)
        already_final = latest is not None and latest.paused and quiet >= new
        due = (paused and not already_final) or (not paused and new >= self._interim_samples)
        if due and self._worker.idle:
            result = self._decode(self._audio(), Priority.INTERIM)
            self._latest = _Decode(self._samples, paused, result)
            self._report_interim(self._latest)

    def _report_interim(self, decode: _Decode) -> None:
        audio_s = (self._samples_before + decode.samples) / EARS_RATE_HZ
        before = tuple(self._pieces)
        began = self._clock()

        def report(result: asyncio.Future[Recognition]) -> None:
            if result.cancelled() or result.exception() is not None or self._latest is not decode:
                return
            ready = [piece.result() for piece in before if piece.done() and not piece.cancelled()]
            if self._out.qsize() >= MAX_UNREAD // 2 or len(ready) < len(before):
                return
            heard = _joined([*ready, result.result()], audio_s, self._clock() - began, is_final=False)
            if heard.text:
                self._out.put_nowait(heard)

        asyncio.wrap_future(decode.result, loop=self._loop).add_done_callback(report)


def _joined(parts: Sequence[Recognition], audio_s: float, compute_s: float, *, is_final: bool) -> Transcript:
    """Pieces of one utterance as one transcript."""
    text = " ".join(part.text for part in parts if part.text)
    words: tuple[HeardWord, ...] = tuple(chain.from_iterable(part.words for part in parts))
    language = next((part.language for part in reversed(parts) if part.text), parts[-1].language)
    return Transcript(text, language, audio_s, compute_s, words, is_final)


def _resolved(recognition: Recognition) -> Future[Recognition]:
    future: Future[Recognition] = Future()
    future.set_result(recognition)
    return future
