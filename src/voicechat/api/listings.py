"""`GET /v1/models`, `GET /v1/models/{id}` and `GET /v1/voices`."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Sequence
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from voicechat.api import speech, transcriptions
from voicechat.api.errors import ApiError, documented, from_voice_error
from voicechat.api.services import Services
from voicechat.fleet.port import VoiceError, VoiceModel

FLEET_TIMEOUT_S = 3.0
"""How long the workers may take to name their voices, s."""
REALTIME_MODEL = "gpt-realtime"
UNKNOWN_TIME = 0
"""Models are files that were fetched; when they were made is not known."""


class Model(BaseModel):
    """A name that can be given as a model."""

    id: str
    object: Literal["model"] = "model"
    created: int = UNKNOWN_TIME
    owned_by: str = "voicechat"


class ModelList(BaseModel):
    """Models, in OpenAI's shape."""

    object: Literal["list"] = "list"
    data: list[Model]


class Voice(BaseModel):
    """A voice that the workers know. `voices` are the speakers of a model that has several."""

    id: str
    object: Literal["voice"] = "voice"
    engine: str
    languages: list[str]
    voices: list[str]
    sample_rate: int
    licence: str
    installed: bool
    resident: bool
    default: bool


class VoiceList(BaseModel):
    """Voices, and what other names stand for."""

    object: Literal["list"] = "list"
    data: list[Voice]
    aliases: dict[str, str]


def listings_router(services: Services) -> APIRouter:
    """The routes of what there is."""
    router = APIRouter(prefix="/v1", tags=["listings"])
    errors = documented(401, 403, 429, 500, 503)

    @router.get("/models", responses=errors, summary="The models that can be named, in OpenAI's shape")
    async def models() -> ModelList:
        return ModelList(data=[Model(id=name) for name in await _model_names(services)])

    @router.get("/models/{model_id:path}", responses=errors | documented(404), summary="One of them")
    async def model(model_id: str) -> Model:
        names = await _model_names(services)
        if model_id not in names:
            nearest = difflib.get_close_matches(model_id, names, n=3, cutoff=0.4) or names[:3]
            message = f"there is no model {model_id[:200]!r}; the nearest are {', '.join(nearest)}"
            raise ApiError(404, message, code="model_not_found", param="model")
        return Model(id=model_id)

    @router.get("/voices", responses=errors, summary="The voices, installed or not")
    async def voices() -> VoiceList:
        default = services.settings.tts.default_model
        known = [_voice(voice, default) for voice in await _voices(services)]
        return VoiceList(data=known, aliases=_aliases(services))

    return router


async def _model_names(services: Services) -> list[str]:
    names = [REALTIME_MODEL, *transcriptions.STOCK_MODELS, services.settings.asr.model, *sorted(speech.STOCK_MODELS)]
    names += [voice.id for voice in await _voices(services) if voice.installed]
    return list(dict.fromkeys(names))


async def _voices(services: Services) -> Sequence[VoiceModel]:
    try:
        async with asyncio.timeout(FLEET_TIMEOUT_S):
            return await services.fleet.models()
    except VoiceError as error:
        raise from_voice_error(error) from error
    except TimeoutError as error:
        message = f"no worker named its voices within {FLEET_TIMEOUT_S:.0f} s; try again"
        raise ApiError(503, message, code="unavailable", retry_after_s=FLEET_TIMEOUT_S) from error


def _aliases(services: Services) -> dict[str, str]:
    directory = services.voices
    return {name: directory.expand(name) for name in directory.names()}


def _voice(model: VoiceModel, default: str) -> Voice:
    return Voice(
        id=model.id,
        engine=model.engine,
        languages=list(model.languages),
        voices=list(model.voices),
        sample_rate=model.sample_rate_hz,
        licence=model.licence,
        installed=model.installed,
        resident=model.resident,
        default=model.id == default,
    )
