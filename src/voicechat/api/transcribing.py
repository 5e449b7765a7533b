"""A transcript as the answer to an HTTP request: recognised piece by piece, for as long as somebody waits for it."""

from __future__ import annotations

import asyncio
import io
import math
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import structlog
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from voicechat.api.errors import ApiError, error_body
from voicechat.api.listener import send_body, while_listened
from voicechat.api.places import Places
from voicechat.api.speaking import CHARS_PER_TOKEN, sse
from voicechat.api.transcripts import Segment, TranscriptFormat, segments_of, srt, vtt
from voicechat.asr.agreement import joined
from voicechat.asr.levels import split_at_pauses
from voicechat.asr.port import EARS_RATE_HZ, Ears, EarsError, Transcript, UnknownLanguageError
from voicechat.audio.decode import DecodingLimits, decode_audio
from voicechat.audio.pcm import Pcm16
from voicechat.audio.wav import AudioError

log = structlog.get_logger(__name__)

AUDIO_TOKENS_PER_SECOND = 10
"""How OpenAI counts the audio that its models hear."""
PIECE_S = 28.0
"""Longest stretch recognised at once: a window of Whisper, with room for its end."""
FRAMES_PER_SECOND = 100
"""In which Whisper counts where a segment was sought."""
RETRY_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class TranscriptOrder:
    """What a client wants of a recording."""

    data: bytes
    language: str | None
    form: TranscriptFormat
    words: bool
    segments: bool
    stream: bool

    @property
    def needs_times(self) -> bool:
        """Whether words have to be found in the sound, which takes a quarter longer."""
        return self.form not in (TranscriptFormat.JSON, TranscriptFormat.TEXT)


class TranscriptResponse(Response):
    """Decodes, recognises and answers, and stops when the client has left.

    Args:
        ears: Who recognises.
        order: What is wanted.
        executor: Where recordings are decoded.
        limits: What a recording may cost.
        places: How many are taken at once.
    """

    def __init__(
        self, ears: Ears, order: TranscriptOrder, executor: Executor, limits: DecodingLimits, places: Places
    ) -> None:
        self.status_code = 200
        self.background = None
        self.media_type = "text/event-stream" if order.stream else None
        self._ears = ears
        self._order = order
        self._executor = executor
        self._limits = limits
        self._places = places
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Listen for whoever asked."""
        await while_listened(receive, self._answer(scope, receive, send))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._places.taken():
            pcm = await self._decoded()
            pieces = transcribed(self._ears, pcm, self._order.language, words=self._order.needs_times)
            if self._order.stream:
                await self._stream(pieces, pcm.size / EARS_RATE_HZ, send)
                return
            heard = [piece async for piece in _explained(pieces)]
            # An hour of words takes longer to write down than a tick of playout.
            write = partial(rendered, self._order, heard, pcm.size / EARS_RATE_HZ)
            response = await asyncio.get_running_loop().run_in_executor(self._executor, write)
        await response(scope, receive, send)

    async def _decoded(self) -> Pcm16:
        data = self._order.data
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._executor, lambda: decode_audio(io.BytesIO(data), len(data), EARS_RATE_HZ, self._limits)
            )
        except AudioError as error:
            raise ApiError(400, str(error), code="invalid_audio", param="file") from error

    async def _stream(self, pieces: AsyncIterator[Piece], audio_s: float, send: Send) -> None:
        """Send the text of each piece as it is known; errors of the first one are raised."""
        text, begun = "", False
        try:
            async for piece in _explained(pieces):
                if not begun:
                    await self._begin(send)
                    begun = True
                before, text = text, joined([text, piece.text], piece.transcript.language)
                delta = text[len(before) :]
                await send_body(send, sse({"type": "transcript.text.delta", "delta": delta}) if delta else b"")
        except ApiError as error:
            if not begun:
                raise
            log.warning("a transcript broke off", reason=str(error))
            await send_body(send, sse({"type": "error", **error_body(error)}), more=False)
            return
        done = {"type": "transcript.text.done", "text": text, "usage": token_usage(audio_s, text)}
        await send_body(send, sse(done), more=False)

    async def _begin(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})


@dataclass(frozen=True, slots=True)
class Piece:
    """What was heard in one stretch of a recording; word times are the recording's."""

    transcript: Transcript
    start_s: float

    @property
    def text(self) -> str:
        """What was said."""
        return self.transcript.text


async def transcribed(ears: Ears, pcm: Pcm16, language: str | None, *, words: bool) -> AsyncIterator[Piece]:
    """Recognise a recording in pieces cut at pauses. The language of the first words is that of the rest."""
    at = 0
    for samples in await asyncio.to_thread(split_at_pauses, pcm, PIECE_S):
        heard = await ears.transcribe(samples, language, words=words)
        language = language or (heard.language if heard.text else None)
        start_s = at / EARS_RATE_HZ
        shifted = (replace(word, start_s=word.start_s + start_s, end_s=word.end_s + start_s) for word in heard.words)
        yield Piece(replace(heard, words=tuple(shifted)), start_s)
        at += samples.size


async def _explained(pieces: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
    """The same pieces; what the ears refuse is an error of the request, or of the moment."""
    try:
        async for piece in pieces:
            yield piece
    except UnknownLanguageError as error:
        raise ApiError(400, str(error), code="unknown_language", param="language") from error
    except EarsError as error:
        raise ApiError(503, str(error), code="recognition_failed", retry_after_s=RETRY_AFTER_S) from error


def rendered(order: TranscriptOrder, heard: Sequence[Piece], audio_s: float) -> Response:
    """The answer in the form that was asked for."""
    text = joined([piece.text for piece in heard], _language(heard))
    segments = [segment for piece in heard for segment in segments_of(piece.transcript, piece.start_s)]
    match order.form:
        case TranscriptFormat.TEXT:
            return PlainTextResponse(text + "\n")
        case TranscriptFormat.SRT:
            return PlainTextResponse(srt(segments), media_type="application/x-subrip")
        case TranscriptFormat.VTT:
            return PlainTextResponse(vtt(segments), media_type="text/vtt")
        case TranscriptFormat.JSON:
            return JSONResponse({"text": text, "usage": duration_usage(audio_s)})
        case TranscriptFormat.VERBOSE_JSON:
            return JSONResponse(_verbose(order, heard, text, segments, audio_s))


def _verbose(
    order: TranscriptOrder, heard: Sequence[Piece], text: str, segments: Sequence[Segment], audio_s: float
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "task": "transcribe",
        "language": _language(heard),
        "duration": round(audio_s, 3),
        "text": text,
    }
    if order.segments:
        body["segments"] = [_segment(number, segment) for number, segment in enumerate(segments)]
    if order.words:
        words = [word for piece in heard for word in piece.transcript.words]
        body["words"] = [
            {"word": word.text, "start": round(word.start_s, 3), "end": round(word.end_s, 3)} for word in words
        ]
    return body | {"usage": duration_usage(audio_s)}


def _language(heard: Sequence[Piece]) -> str:
    """That of the first words; where there are none, what silence was taken for."""
    return next((piece.transcript.language for piece in heard if piece.text), heard[0].transcript.language)


def _segment(number: int, segment: Segment) -> dict[str, Any]:
    return {
        "id": number,
        "seek": round(segment.piece_start_s * FRAMES_PER_SECOND),
        "start": round(segment.start_s, 3),
        "end": round(segment.end_s, 3),
        "text": segment.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": round(segment.avg_logprob, 4),
        "compression_ratio": round(segment.compression_ratio, 4),
        "no_speech_prob": round(segment.no_speech_prob, 4),
    }


def duration_usage(audio_s: float) -> dict[str, Any]:
    """What a transcript cost, in seconds of audio."""
    return {"type": "duration", "seconds": math.ceil(audio_s)}


def token_usage(audio_s: float, text: str) -> dict[str, Any]:
    """What a streamed transcript cost, in tokens as OpenAI counts them, those of the text about."""
    heard, written = round(audio_s * AUDIO_TOKENS_PER_SECOND), -(-len(text) // CHARS_PER_TOKEN)
    return {
        "type": "tokens",
        "input_tokens": heard,
        "output_tokens": written,
        "total_tokens": heard + written,
        "input_token_details": {"audio_tokens": heard, "text_tokens": 0},
    }
