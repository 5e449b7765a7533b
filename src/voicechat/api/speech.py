"""`POST /synthesize`: text in, WAV out, the first bytes as soon as there is sound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import structlog
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from voicechat.api.errors import ApiError, from_voice_error
from voicechat.api.services import Services
from voicechat.audio.wav import wav_header
from voicechat.fleet.port import (
    AudioChunk,
    Pace,
    SpeechEvent,
    SpeechRequest,
    SpeechStream,
    Started,
    VoiceError,
    VoiceFleet,
)

log = structlog.get_logger(__name__)


MODEL_ERRORS = frozenset({"NOT_FOUND", "FAILED_PRECONDITION"})
"""Refusals that are about the voice that was asked for."""


class SynthesizeRequest(BaseModel):
    """What to say, and with which voice."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(description="what to say", examples=["Hello there."])
    model: str | None = Field(
        None, max_length=200, description="id of a voice, or one of its other names; unset: the default voice"
    )


class SpeechResponse(Response):
    """Streams one reply of the fleet as WAV. Errors before the first audio are raised, later ones cut the stream."""

    media_type = "audio/wav"

    def __init__(self, fleet: VoiceFleet, request: SpeechRequest, text: str, first_audio_timeout_s: float) -> None:
        self.status_code = 200
        self.background = None
        self._fleet = fleet
        self._request = request
        self._text = text
        self._first_audio_timeout_s = first_audio_timeout_s
        self.init_headers({"cache-control": "no-store"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak to whoever asked; a listener that leaves frees the worker at once."""
        speaking = asyncio.ensure_future(self._speak(send))
        leaving = asyncio.ensure_future(_until_gone(receive))
        try:
            await asyncio.wait((speaking, leaving), return_when=asyncio.FIRST_COMPLETED)
            if speaking.done():
                speaking.result()
        finally:
            await _end(speaking)
            await _end(leaving)

    async def _speak(self, send: Send) -> None:
        try:
            async with self._fleet.speak(self._request) as stream:
                feeding = asyncio.ensure_future(_feed(stream, self._text))
                try:
                    await self._relay(aiter(stream), send)
                finally:
                    await _end(feeding)
        except VoiceError as error:
            raise from_voice_error(error, "model" if error.code in MODEL_ERRORS else None) from error

    async def _relay(self, events: AsyncIterator[SpeechEvent], send: Send) -> None:
        rate_hz = self._request.sample_rate_hz
        try:
            async with asyncio.timeout(self._first_audio_timeout_s):
                rate_hz, first = await _first_audio(events, rate_hz)
        except TimeoutError as error:
            message = f"no audio within {self._first_audio_timeout_s:.0f} s; the workers are busy, try again"
            raise ApiError(504, message, code="deadline_exceeded") from error
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await _send_body(send, wav_header(rate_hz) + first.pcm.astype("<i2", copy=False).tobytes())
        try:
            async for event in events:
                if isinstance(event, AudioChunk):
                    await _send_body(send, event.pcm.astype("<i2", copy=False).tobytes())
        except VoiceError as error:
            # The status has left already: only a body that breaks off tells the client.
            log.warning("speech broke off", code=error.code, reason=str(error))
            raise ConnectionAbortedError(str(error)) from error
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _first_audio(events: AsyncIterator[SpeechEvent], rate_hz: int) -> tuple[int, AudioChunk]:
    async for event in events:
        if isinstance(event, Started):
            rate_hz = event.sample_rate_hz
        elif isinstance(event, AudioChunk) and event.pcm.size:
            return rate_hz, event
    raise ApiError(400, "the text holds nothing that can be spoken", code="nothing_to_speak", param="text")


async def _feed(stream: SpeechStream, text: str) -> None:
    await stream.push_text(text)
    await stream.end()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _end(task: asyncio.Future[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))
    if not task.cancelled():
        task.exception()


async def _send_body(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


def speech_router(services: Services) -> APIRouter:
    """The route of synthesis."""
    router = APIRouter(tags=["speech"])
    settings = services.settings

    @router.post("/synthesize", response_class=Response, summary="Speak a text as WAV, streamed")
    async def synthesize(body: SynthesizeRequest) -> Response:
        _check_text(body.text, settings.server.max_text_chars)
        request = SpeechRequest(model_id=services.voices.expand(body.model or "default"), pace=Pace.BULK)
        return SpeechResponse(services.fleet, request, body.text, settings.tts.first_audio_timeout_s)

    return router


def _check_text(text: str, limit: int) -> None:
    if not text.strip():
        raise ApiError(400, "text is empty; say what to speak", code="empty_text", param="text")
    if len(text) > limit:
        message = f"text has {len(text)} characters; at most {limit} are taken (server.max_text_chars)"
        raise ApiError(400, message, code="text_too_long", param="text")
