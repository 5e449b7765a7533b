"""`POST /v1/audio/speech`, as OpenAI has it, and `POST /synthesize`: text in, sound out as it is made."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from voicechat.api.errors import ApiError, documented, from_voice_error
from voicechat.api.services import Services
from voicechat.api.speaking import EVENTS, AudioBody, EventBody, SpeechBody, SpeechResponse
from voicechat.api.text import Text
from voicechat.audio.encode import MEDIA_TYPES, AudioFormat
from voicechat.fleet.port import Pace, SpeechRequest, VoiceError
from voicechat.transports.realtime.voices import STOCK_VOICES, VoiceDirectory

MODEL_ERRORS = frozenset({"NOT_FOUND", "FAILED_PRECONDITION"})
"""Refusals that are about the voice that was asked for."""
STOCK_MODELS = frozenset({"tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15"})
"""OpenAI's models: here each means that the voice decides."""
MAX_NAME_CHARS = 200
MAX_INSTRUCTIONS_CHARS = 20_000
REFUSALS = documented(400, 401, 403, 404, 409, 413, 429, 500, 503, 504)


class SynthesizeRequest(BaseModel):
    """What to say, and with which voice."""

    model_config = ConfigDict(extra="forbid")

    text: Text = Field(description="what to say", examples=["Hello there."])
    model: Text | None = Field(
        None,
        max_length=MAX_NAME_CHARS,
        description="id or other name of a voice; unset: the default voice",
    )


class StreamFormat(StrEnum):
    """How the sound travels: as it is, or in server-sent events."""

    AUDIO = "audio"
    SSE = "sse"


class VoiceId(BaseModel):
    """A voice by its id, as OpenAI names custom ones."""

    model_config = ConfigDict(extra="forbid")

    id: Text = Field(max_length=MAX_NAME_CHARS)


class SpeechCreateRequest(BaseModel):
    """OpenAI's request for speech."""

    model_config = ConfigDict(extra="forbid")

    input: Text = Field(description="what to say", examples=["The train leaves at ten."])
    model: Text = Field(
        "tts-1",
        max_length=MAX_NAME_CHARS,
        description="one of OpenAI's names, where the voice decides, or the id of a model here",
        examples=["tts-1"],
    )
    voice: Text | VoiceId = Field(
        "default",
        description="one of OpenAI's names, the id of a voice, or a speaker of the model",
        examples=["alloy"],
    )
    instructions: str | None = Field(
        None, max_length=MAX_INSTRUCTIONS_CHARS, description="taken and not followed: the voices here have one manner"
    )
    response_format: AudioFormat = Field(AudioFormat.MP3, description="24 kHz mono; pcm is s16le without a header")
    speed: float = Field(1.0, ge=0.25, le=4.0, description="1 is the voice's own pace")
    stream_format: StreamFormat = Field(StreamFormat.AUDIO, description="sse: speech.audio.delta and speech.audio.done")

    @property
    def voice_name(self) -> str:
        """The voice that is asked for."""
        return self.voice.id if isinstance(self.voice, VoiceId) else self.voice[:MAX_NAME_CHARS]


def speech_router(services: Services) -> APIRouter:
    """The routes of synthesis."""
    router = APIRouter(tags=["speech"])
    settings = services.settings

    def respond(request: SpeechRequest, text: str, body: SpeechBody, text_param: str, voice_param: str) -> Response:
        def explain(error: VoiceError) -> ApiError:
            return from_voice_error(error, voice_param if error.code in MODEL_ERRORS else None)

        _check_text(text, settings.server.max_text_chars, text_param)
        return SpeechResponse(
            services.fleet,
            request,
            text,
            body,
            services.executor,
            first_audio_timeout_s=settings.tts.first_audio_timeout_s,
            text_param=text_param,
            explain=explain,
        )

    @router.post(
        "/v1/audio/speech",
        response_class=Response,
        responses=REFUSALS | {200: {"description": "the sound, as it is made", "content": _contents()}},
        summary="Speak a text, in OpenAI's shape, streamed",
    )
    async def speech(body: SpeechCreateRequest) -> Response:
        request, voice_param = speech_request(body, services.voices)
        audio = AudioBody(body.response_format)
        wire = EventBody(audio, body.input) if body.stream_format is StreamFormat.SSE else audio
        return respond(request, body.input, wire, "input", voice_param)

    @router.post(
        "/synthesize",
        response_class=Response,
        responses=REFUSALS | {200: {"description": "the sound, as it is made", "content": {"audio/wav": BINARY}}},
        summary="Speak a text as WAV, streamed",
    )
    async def synthesize(body: SynthesizeRequest) -> Response:
        request = SpeechRequest(model_id=services.voices.expand(body.model or "default"), pace=Pace.BULK)
        return respond(request, body.text, AudioBody(AudioFormat.WAV), "text", "model")

    return router


BINARY = {"schema": {"type": "string", "format": "binary"}}


def _contents() -> dict[str, Any]:
    return {kind: BINARY for kind in MEDIA_TYPES.values()} | {EventBody.media_type: EVENTS}


def speech_request(body: SpeechCreateRequest, voices: VoiceDirectory) -> tuple[SpeechRequest, str]:
    """Which model speaks with which voice, and the field that a refusal of them is about.

    A model of ours speaks with the named one of its voices, with its own where a stock name is given; OpenAI's names of
    models leave the choice to the voice.
    """
    name = body.voice_name
    if body.model in STOCK_MODELS and voices.expand(body.model) in (body.model, voices.expand("default")):
        model_id, voice, param = voices.expand(name), "", "voice"
    else:
        model_id, param = voices.expand(body.model), "model"
        voice = "" if name in STOCK_VOICES or voices.expand(name) == model_id else name
    return SpeechRequest(model_id=model_id, voice=voice, speed=body.speed, pace=Pace.BULK), param


def _check_text(text: str, limit: int, param: str) -> None:
    if not text.strip():
        raise ApiError(400, f"{param} is empty; say what to speak", code="empty_text", param=param)
    if len(text) > limit:
        message = f"{param} has {len(text)} characters; at most {limit} are taken (server.max_text_chars)"
        raise ApiError(400, message, code="text_too_long", param=param)
