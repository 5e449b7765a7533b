"""`POST /v1/audio/transcriptions`, as OpenAI has it: a recording in, its words out."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Form, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from voicechat.api.errors import ApiError, documented
from voicechat.api.places import Places
from voicechat.api.services import Services
from voicechat.api.speaking import EVENTS
from voicechat.api.transcribing import TranscriptOrder, TranscriptResponse
from voicechat.api.transcripts import TranscriptFormat
from voicechat.audio.decode import DecodingLimits

STOCK_MODELS = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
)
"""OpenAI's models: here each means the configured one."""
MAX_NAME_CHARS = 200
MAX_PROMPT_CHARS = 10_000
STREAMED_FORMS = frozenset({TranscriptFormat.JSON, TranscriptFormat.TEXT})


class Granularity(StrEnum):
    """What of a verbose transcript has times."""

    WORD = "word"
    SEGMENT = "segment"


class TranscriptionForm(BaseModel):
    """OpenAI's request for a transcript."""

    model_config = ConfigDict(extra="forbid")

    file: UploadFile = Field(description="a recording: WAV, MP3, M4A, MP4, OGG, OPUS, WEBM, FLAC")
    model: str = Field("whisper-1", max_length=MAX_NAME_CHARS, description="one of OpenAI's names, or the model's own")
    language: str | None = Field(None, max_length=35, description="ISO 639-1; unset: asr.language", examples=["en"])
    prompt: str | None = Field(None, max_length=MAX_PROMPT_CHARS, description="taken and not used")
    temperature: float | None = Field(None, ge=0, le=1, description="taken and not used: the surest words are given")
    response_format: TranscriptFormat = Field(TranscriptFormat.JSON)
    timestamp_granularities: list[Granularity] = Field(
        default_factory=list, alias="timestamp_granularities[]", max_length=8, description="with verbose_json"
    )
    chunking_strategy: str | None = Field(None, pattern="^auto$", description="recordings are always cut at pauses")
    stream: bool = Field(False, description="transcript.text.delta and transcript.text.done, with json or text")


class DurationUsage(BaseModel):
    """What a transcript cost."""

    type: str = "duration"
    seconds: int


class Transcription(BaseModel):
    """A transcript as `json`."""

    text: str
    usage: DurationUsage


class TranscriptionWord(BaseModel):
    """A word and when it is heard, s."""

    word: str
    start: float
    end: float


class TranscriptionSegment(BaseModel):
    """A sentence, or as much of it as a subtitle holds; times in s, `seek` in 10 ms."""

    id: int
    seek: int
    start: float
    end: float
    text: str
    tokens: list[int]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class VerboseTranscription(Transcription):
    """A transcript as `verbose_json`."""

    task: str
    language: str
    duration: float
    segments: list[TranscriptionSegment] | None = None
    words: list[TranscriptionWord] | None = None


TEXT: dict[str, Any] = {"schema": {"type": "string"}}
ANSWER = {
    "description": "the words",
    "model": VerboseTranscription | Transcription,
    "content": {"text/plain": TEXT, "application/x-subrip": TEXT, "text/vtt": TEXT, "text/event-stream": EVENTS},
}


def transcriptions_router(services: Services) -> APIRouter:
    """The routes of recognition."""
    router = APIRouter(prefix="/v1/audio", tags=["recognition"])
    asr = services.settings.asr
    limits = DecodingLimits(asr.max_recording_s)
    places = Places(asr.max_recordings, "recordings are being transcribed", "asr.max_recordings")

    @router.post(
        "/transcriptions",
        response_class=Response,
        responses=documented(400, 401, 403, 404, 413, 429, 500, 503) | {200: ANSWER},
        summary="The words of a recording, in OpenAI's shape",
    )
    async def transcriptions(form: Annotated[TranscriptionForm, Form(media_type="multipart/form-data")]) -> Response:
        _check(form, asr.model)
        order = TranscriptOrder(
            data=await form.file.read(),
            language=form.language or None,
            form=form.response_format,
            words=Granularity.WORD in form.timestamp_granularities,
            segments=form.timestamp_granularities != [Granularity.WORD],
            stream=form.stream,
        )
        return TranscriptResponse(services.ears.require(), order, services.decoders, limits, places)

    @router.post("/translations", include_in_schema=False)
    async def translations() -> None:
        message = "speech is not translated here; POST /v1/audio/transcriptions gives its words as they were said"
        raise ApiError(400, message, code="translation_not_offered")

    return router


def _check(form: TranscriptionForm, model: str) -> None:
    known = (*STOCK_MODELS, model)
    if form.model not in known:
        message = f"there is no model {form.model!r} that transcribes; there are {', '.join(known)}"
        raise ApiError(404, message, code="model_not_found", param="model")
    if form.timestamp_granularities and form.response_format is not TranscriptFormat.VERBOSE_JSON:
        message = f"timestamp_granularities go with response_format verbose_json, not with {form.response_format}"
        raise ApiError(400, message, code="invalid_value", param="timestamp_granularities")
    if form.stream and form.response_format not in STREAMED_FORMS:
        message = f"stream goes with response_format json or text, not with {form.response_format}"
        raise ApiError(400, message, code="invalid_value", param="stream")
