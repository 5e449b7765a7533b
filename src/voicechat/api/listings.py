"""`GET /v1/models` and `GET /v1/voices`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter

from voicechat.api.errors import ApiError, from_voice_error
from voicechat.api.services import Services
from voicechat.fleet.port import VoiceError, VoiceModel

FLEET_TIMEOUT_S = 3.0
"""How long the workers may take to name their voices, s."""
REALTIME_MODEL = "gpt-realtime"


def listings_router(services: Services) -> APIRouter:
    """The routes of what there is."""
    router = APIRouter(prefix="/v1", tags=["listings"])

    @router.get("/models", summary="The models that can be named, in OpenAI's shape")
    async def models() -> dict[str, Any]:
        ids = [REALTIME_MODEL, "whisper-1", services.settings.asr.model, "tts-1"]
        ids += [model.id for model in await _voices(services) if model.installed]
        return {"object": "list", "data": [_model(model_id) for model_id in dict.fromkeys(ids)]}

    @router.get("/voices", summary="The voices, installed or not")
    async def voices() -> dict[str, Any]:
        default = services.settings.tts.default_model
        data = [_voice(model, default) for model in await _voices(services)]
        return {"object": "list", "data": data, "aliases": _aliases(services)}

    return router


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


def _model(model_id: str) -> dict[str, Any]:
    return {"id": model_id, "object": "model", "created": 0, "owned_by": "voicechat"}


def _voice(model: VoiceModel, default: str) -> dict[str, Any]:
    return {
        "id": model.id,
        "object": "voice",
        "engine": model.engine,
        "languages": list(model.languages),
        "voices": list(model.voices),
        "sample_rate": model.sample_rate_hz,
        "licence": model.licence,
        "installed": model.installed,
        "resident": model.resident,
        "default": model.id == default,
    }
