"""The ears of a process: one engine, one worker, a stream for each conversation."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from voicechat.asr.agreement import joined
from voicechat.asr.engines.port import Recognition, RecognitionEngine
from voicechat.asr.levels import split_at_pauses
from voicechat.asr.port import EARS_RATE_HZ, RecognitionStream, Transcript
from voicechat.asr.slack import VoiceSlack
from voicechat.asr.stream import Eagerness, UtteranceStream
from voicechat.asr.worker import DecodingWorker, Priority
from voicechat.audio.pcm import Pcm16

EAGER = Eagerness()


class SharedEars:
    """Ears on a loaded engine. `language` is BCP 47 or auto; `piece_s`: decode at most so much at once."""

    def __init__(
        self,
        engine: RecognitionEngine,
        worker: DecodingWorker,
        *,
        language: str = "auto",
        piece_s: float = math.inf,
        eagerness: Eagerness = EAGER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._worker = worker
        self._language = language
        self._piece_s = min(piece_s, engine.longest_s)
        self._eagerness = eagerness
        self.slack = VoiceSlack()
        self._clock = clock

    def stream(self, language: str | None = None) -> RecognitionStream:
        """Begin listening, on the running event loop. Raises `UnknownLanguageError`."""
        return UtteranceStream(
            self._engine,
            self._worker,
            language=self._engine.language_code(language or self._language),
            piece_s=self._piece_s,
            eagerness=self._eagerness,
            slack=self.slack,
            clock=self._clock,
        )

    async def transcribe(
        self, pcm: npt.NDArray[np.int16], language: str | None = None, *, words: bool = False
    ) -> Transcript:
        """Recognise a recording in pieces cut at pauses, one at a time, so that conversations go between them."""
        code = self._engine.language_code(language or self._language)
        began = self._clock()
        pieces = await asyncio.to_thread(split_at_pauses, pcm, self._piece_s)
        heard: list[Recognition] = []
        offset_samples = 0
        for piece in pieces:
            part = await self._piece(piece, code, words)
            code = code or (part.language if part.text else None)
            heard.append(_later(part, offset_samples / EARS_RATE_HZ))
            offset_samples += piece.size
        language = code or heard[-1].language
        return Transcript(
            text=joined([part.text for part in heard], language),
            language=language,
            audio_s=pcm.size / EARS_RATE_HZ,
            compute_s=self._clock() - began,
            words=tuple(word for part in heard for word in part.words),
            no_speech_prob=max(part.no_speech_prob for part in heard),
        )

    async def _piece(self, pcm: Pcm16, code: str | None, words: bool) -> Recognition:
        job = self._worker.submit(Priority.BULK, lambda: self._engine.recognise(pcm, code, words=words))
        return await asyncio.wrap_future(job)

    async def aclose(self) -> None:
        """End the threads; what waits is cancelled."""
        await asyncio.to_thread(self._worker.close)


def _later(part: Recognition, offset_s: float) -> Recognition:
    words = (replace(word, start_s=word.start_s + offset_s, end_s=word.end_s + offset_s) for word in part.words)
    return replace(part, words=tuple(words))
