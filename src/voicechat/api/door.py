"""`GET /api/door`: what a client wants to know before it begins a conversation. It needs no key."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from voicechat.access.exposure import keys_required
from voicechat.api.errors import documented
from voicechat.api.lifecycle import Phase
from voicechat.api.room_service import is_configured
from voicechat.api.services import Services


class Door(BaseModel):
    """How it stands.

    Attributes:
        progress: How much of what the process loads is there, 0 to 1.
        rooms: Whether `/api/connection-details` gives rooms.
        key_required: Whether the API answers only to those who have a key.
        full: Whether as many conversations are held as may be.
    """

    status: Phase
    progress: float
    rooms: bool
    key_required: bool
    full: bool


def door_router(services: Services) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/api", tags=["listings"])

    @router.get("/door", responses=documented(403, 500), summary="Whether a conversation can begin, and by what")
    async def door() -> Door:
        settings = services.settings
        return Door(
            status=services.lifecycle.phase,
            progress=services.lifecycle.progress,
            rooms=is_configured(settings.livekit),
            key_required=keys_required(settings),
            full=services.conversations.active >= settings.server.max_sessions,
        )

    return router
