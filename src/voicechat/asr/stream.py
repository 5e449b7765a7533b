"""One conversation's utterances: bounded audio in, transcripts out.

While the person speaks, interim decodes run when nothing more urgent does. One is made as soon as they pause; where
only quiet follows it, its words are the final ones, and nothing is left to do when the utterance is closed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import numpy.typing as npt

from voicechat.asr.agreement import AgreedWords, joined
from voicechat.asr.engines.port import Recognition, RecognitionEngine
from voicechat.asr.levels import quietest_cut
from voicechat.asr.pause import PauseMeter
from voicechat.asr.port import EARS_RATE_HZ, EarsError, HeardWord, Transcript
from voicechat.asr.slack import VoiceSlack
from voicechat.asr.worker import DecodingWorker, Priority
from voicechat.audio.pcm import Pcm16

LEAST_INTERIM_S = 0.5
"""Less than a word."""
PAUSE_S = 0.1
"""Quiet after which a decode may turn out to be the final one, where speech stands clear of the background."""
PAUSE_IN_NOISE_S = 0.28
"""The same where noise hides soft speech: what seems quiet may be the end of a word."""
CLEAR_RANGE_DB, NOISY_RANGE_DB = 35.0, 15.0
LONG_S = 8.0
PAUSE_PER_LONGER_S = 0.02
"""Every second beyond `LONG_S` asks for this much more quiet: there a guess costs more, and pauses are longer."""
MAYBE_PAUSE_S = 0.04
"""Quiet after which no other decode is begun: it would stand in the way of that one."""
CUT_SEARCH_S = 8.0
MAX_PIECES = 64
"""Half an hour without a pause in one utterance; what comes after is not heard."""
MAX_UNREAD = 64
PUSH_BLOCK_SAMPLES = EARS_RATE_HZ


@dataclass(frozen=True, slots=True)
class Eagerness:
    """What a stream does before it is asked for the final words.

    Attributes:
        interim_s: New speech after which interim words are made; 0: none are.
        speculate: Whether a pause is decoded at once, in case that it is the end.
    """

    interim_s: float = 0.6
    speculate: bool = True


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
    """The stream that the ears hand out; used on the event loop only. `piece_s`: the most that is decoded at once."""

    def __init__(
        self,
        engine: RecognitionEngine,
        worker: DecodingWorker,
        *,
        language: str | None,
        piece_s: float,
        eagerness: Eagerness,
        slack: VoiceSlack,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._worker = worker
        self._language = language
        self._piece_samples = int(piece_s * EARS_RATE_HZ)
        self._interim_samples = int(eagerness.interim_s * EARS_RATE_HZ)
        self._speculate = eagerness.speculate
        self._slack = slack
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._out: asyncio.Queue[_Closed | Transcript | None] = asyncio.Queue()
        self._awaited: _Closed | None = None
        self._closed = False
        self._start_utterance()

    def _start_utterance(self) -> None:
        self._pieces: list[Future[Recognition]] = []
        self._samples_before = 0
        self._agreed = AgreedWords()
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
        self._consider_decoding()

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
        return _transcript(parts, entry.audio_s, self._clock() - entry.flushed_at)

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
        self._forget_latest()
        self._pieces.append(self._decode(audio[:cut], Priority.FINAL))
        self._samples_before += cut
        self._start_piece()
        self._take(audio[cut:])

    def _final_decode(self) -> Future[Recognition]:
        """The decode of the whole piece; an earlier one that only quiet followed will do."""
        latest = self._latest
        if latest is not None and self._is_final(latest):
            return latest.result
        self._forget_latest()
        if not self._meter.heard_voice:
            return _resolved(Recognition("", self._language or "en"))
        return self._decode(self._audio(), Priority.FINAL)

    def _is_final(self, decode: _Decode) -> bool:
        heard = decode.result.running() or decode.result.done()
        return heard and decode.paused and self._meter.quiet_samples >= self._samples - decode.samples

    def _forget_latest(self) -> None:
        if self._latest is not None:
            self._latest.result.cancel()
            self._latest = None

    def _consider_decoding(self) -> None:
        """Start a decode of what was said so far, if one is due and nothing waits for the threads or the voice."""
        if self._samples < LEAST_INTERIM_S * EARS_RATE_HZ or not self._meter.heard_voice:
            return
        if self._latest is not None and not self._latest.result.done():
            return
        pause = pause_s(self._samples / EARS_RATE_HZ, self._meter.range_db)
        paused = self._meter.quiet_samples >= pause * EARS_RATE_HZ
        due = self._pause_is_due() if paused else self._interim_is_due()
        if due and self._worker.idle and not self._slack.short:
            result = self._decode(self._audio(), Priority.INTERIM)
            self._latest = _Decode(self._samples, paused, result)
            self._report(self._latest)

    def _pause_is_due(self) -> bool:
        latest = self._latest
        decoded = latest is not None and latest.paused and self._meter.quiet_samples >= self._samples - latest.samples
        return self._speculate and not decoded

    def _interim_is_due(self) -> bool:
        new = self._samples - (self._latest.samples if self._latest else 0)
        maybe_pausing = self._speculate and self._meter.quiet_samples >= MAYBE_PAUSE_S * EARS_RATE_HZ
        return 0 < self._interim_samples <= new and not maybe_pausing

    def _report(self, decode: _Decode) -> None:
        """Tell the words of a decode when it is done, unless it was overtaken."""
        audio_s = (self._samples_before + decode.samples) / EARS_RATE_HZ
        before = tuple(self._pieces)
        began = self._clock()

        def report(result: asyncio.Future[Recognition]) -> None:
            if result.cancelled() or result.exception() is not None or self._latest is not decode:
                return
            ready = [piece.result() for piece in before if _succeeded(piece)]
            if self._out.qsize() >= MAX_UNREAD // 2 or len(ready) < len(before):
                return
            heard = _transcript([*ready, result.result()], audio_s, self._clock() - began)
            if heard.text:
                self._out.put_nowait(self._interim(heard, decode.paused))

        asyncio.wrap_future(decode.result, loop=self._loop).add_done_callback(report)

    def _interim(self, heard: Transcript, speculative: bool) -> Transcript:
        if speculative:
            self._agreed.correct(heard.text, heard.language)
            return replace(heard, is_final=False, is_speculative=True)
        return replace(heard, text=self._agreed.push(heard.text, heard.language), is_final=False)


def pause_s(spoken_s: float, range_db: float) -> float:
    """Quiet that makes a pause worth decoding after so much speech, which stands so far above its background."""
    noisy = min(1.0, max(0.0, (CLEAR_RANGE_DB - range_db) / (CLEAR_RANGE_DB - NOISY_RANGE_DB)))
    return PAUSE_S + (PAUSE_IN_NOISE_S - PAUSE_S) * noisy + PAUSE_PER_LONGER_S * max(0.0, spoken_s - LONG_S)


def _transcript(parts: Sequence[Recognition], audio_s: float, compute_s: float) -> Transcript:
    """Pieces of one utterance as its final transcript."""
    language = next((part.language for part in reversed(parts) if part.text), parts[-1].language)
    text = joined([part.text for part in parts], language)
    words: tuple[HeardWord, ...] = tuple(chain.from_iterable(part.words for part in parts))
    return Transcript(text, language, audio_s, compute_s, words)


def _succeeded(result: Future[Recognition]) -> bool:
    return result.done() and not result.cancelled() and result.exception() is None


def _resolved(recognition: Recognition) -> Future[Recognition]:
    future: Future[Recognition] = Future()
    future.set_result(recognition)
    return future
