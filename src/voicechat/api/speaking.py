"""A spoken answer to an HTTP request: sound leaves as it is made, and stops being made when nobody listens."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from voicechat.api.errors import ApiError, error_body, from_voice_error
from voicechat.api.listener import send_body, while_listened
from voicechat.api.traced import served
from voicechat.audio.encode import MEDIA_TYPES, AudioFormat, Encoder, make_encoder
from voicechat.audio.pcm import Pcm16, samples_to_ms
from voicechat.fleet.port import (
    AudioChunk,
    SpeechEvent,
    SpeechRequest,
    SpeechStream,
    Started,
    VoiceError,
    VoiceFleet,
)

log = structlog.get_logger(__name__)

MS_PER_AUDIO_TOKEN = 50.0
"""How OpenAI counts the audio that its models speak."""
CHARS_PER_TOKEN = 4
"""About how OpenAI counts English text."""
EVENTS: dict[str, Any] = {
    "schema": {
        "type": "object",
        "description": "one server-sent event; `data` is JSON",
        "properties": {"data": {"type": "string"}},
        "required": ["data"],
    }
}
"""How a description of the API tells of a stream of events."""
COMPUTED_AT_ONCE = frozenset({AudioFormat.WAV, AudioFormat.PCM})
"""Formats that cost no more than a copy."""


class SpeechBody(Protocol):
    """The bytes of an answer. Calls may compute; `is_cheap` says that they do not."""

    media_type: str
    is_cheap: bool

    def begin(self, sample_rate_hz: int) -> None:
        """Learn the rate of the samples that come."""

    def push(self, pcm: Pcm16) -> bytes:
        """More samples."""

    def finish(self) -> bytes:
        """The end of the answer."""

    def fail(self, error: ApiError) -> bytes | None:
        """How an answer that has begun says that it failed; None where it can only break off."""


class AudioBody:
    """A recording in one format."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self.media_type = MEDIA_TYPES[audio_format]
        self.is_cheap = audio_format in COMPUTED_AT_ONCE
        self._format = audio_format
        self._encoder: Encoder | None = None
        self._rate_hz = 0

    def begin(self, sample_rate_hz: int) -> None:
        """Learn the rate of the samples that come."""
        self._rate_hz = sample_rate_hz

    def push(self, pcm: Pcm16) -> bytes:
        """Encode more samples."""
        if self._encoder is None:
            self._encoder = make_encoder(self._format, self._rate_hz)
        return self._encoder.push(pcm)

    def finish(self) -> bytes:
        """What the encoder holds back."""
        return b"" if self._encoder is None else self._encoder.finish()

    def fail(self, error: ApiError) -> None:
        """Audio has no place for errors."""
        return None


class EventBody:
    """The same recording in OpenAI's server-sent events: `speech.audio.delta`, and `speech.audio.done` at the end."""

    media_type = "text/event-stream"

    def __init__(self, audio: AudioBody, text: str) -> None:
        self.is_cheap = audio.is_cheap
        self._audio = audio
        self._input_tokens = -(-len(text) // CHARS_PER_TOKEN)
        self._rate_hz = 0
        self._samples = 0

    def begin(self, sample_rate_hz: int) -> None:
        """Learn the rate of the samples that come."""
        self._rate_hz = sample_rate_hz
        self._audio.begin(sample_rate_hz)

    def push(self, pcm: Pcm16) -> bytes:
        """An event for what the encoder gives, if it gives anything."""
        self._samples += pcm.size
        return _delta(self._audio.push(pcm))

    def finish(self) -> bytes:
        """The last events."""
        spoken = round(samples_to_ms(self._samples, self._rate_hz) / MS_PER_AUDIO_TOKEN)
        usage = {
            "input_tokens": self._input_tokens,
            "output_tokens": spoken,
            "total_tokens": self._input_tokens + spoken,
        }
        return _delta(self._audio.finish()) + sse({"type": "speech.audio.done", "usage": usage})

    def fail(self, error: ApiError) -> bytes:
        """An error event, which stock clients raise."""
        return sse({"type": "error", **error_body(error)})


def sse(event: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n"


def _delta(data: bytes) -> bytes:
    if not data:
        return b""
    return sse({"type": "speech.audio.delta", "audio": base64.b64encode(data).decode()})


class SpeechResponse(Response):
    """Streams one reply of the fleet. Errors before the first audio are raised; later ones end the stream.

    Args:
        fleet: Who speaks.
        request: How.
        text: What.
        body: The form that the sound leaves in.
        executor: Where it is brought into that form.
        first_audio_timeout_s: Longest wait for sound.
        text_param: What the request calls its text.
        explain: What the request would call a refusal of the voice.
    """

    def __init__(
        self,
        fleet: VoiceFleet,
        request: SpeechRequest,
        text: str,
        body: SpeechBody,
        executor: Executor,
        *,
        first_audio_timeout_s: float,
        text_param: str,
        explain: Callable[[VoiceError], ApiError] = from_voice_error,
    ) -> None:
        self.status_code = 200
        self.background = None
        self.media_type = body.media_type
        self._fleet = fleet
        self._request = request
        self._text = text
        self._body = body
        self._executor = executor
        self._first_audio_timeout_s = first_audio_timeout_s
        self._text_param = text_param
        self._explain = explain
        # Proxies that gather an answer before they pass it on would undo the streaming.
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak to whoever asked; a listener that leaves frees the worker at once."""
        with served(scope) as trace:
            self._request = replace(self._request, trace=trace)
            await while_listened(receive, self._speak(send))

    async def _speak(self, send: Send) -> None:
        try:
            async with self._fleet.speak(self._request) as stream:
                feeding = asyncio.ensure_future(_feed(stream, self._text))
                try:
                    await self._relay(aiter(stream), send)
                finally:
                    feeding.cancel()
                    await asyncio.gather(feeding, return_exceptions=True)
        except VoiceError as error:
            raise self._explain(error) from error

    async def _relay(self, events: AsyncIterator[SpeechEvent], send: Send) -> None:
        first = await self._first_audio(events)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send_body(send, await self._compute(partial(self._body.push, first.pcm)))
        try:
            async for event in events:
                if isinstance(event, AudioChunk):
                    await send_body(send, await self._compute(partial(self._body.push, event.pcm)))
        except VoiceError as error:
            await self._break_off(error, send)
        else:
            await send_body(send, await self._compute(self._body.finish), more=False)

    async def _break_off(self, error: VoiceError, send: Send) -> None:
        """The status has left already: an event, or a body that breaks off, tells the client."""
        log.warning("speech broke off", code=error.code, reason=str(error))
        last_words = self._body.fail(from_voice_error(error))
        if last_words is None:
            raise ConnectionAbortedError(str(error)) from error
        await send_body(send, last_words, more=False)

    async def _first_audio(self, events: AsyncIterator[SpeechEvent]) -> AudioChunk:
        self._body.begin(self._request.sample_rate_hz)
        try:
            async with asyncio.timeout(self._first_audio_timeout_s):
                async for event in events:
                    if isinstance(event, Started):
                        self._body.begin(event.sample_rate_hz)
                    elif isinstance(event, AudioChunk) and event.pcm.size:
                        return event
        except TimeoutError as error:
            message = f"no audio within {self._first_audio_timeout_s:.0f} s; the workers are busy, try again"
            raise ApiError(504, message, code="deadline_exceeded") from error
        message = "the text holds nothing that can be spoken"
        raise ApiError(400, message, code="nothing_to_speak", param=self._text_param)

    async def _compute(self, work: Callable[[], bytes]) -> bytes:
        if self._body.is_cheap:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


async def _feed(stream: SpeechStream, text: str) -> None:
    await stream.push_text(text)
    await stream.end()
