"""`POST /api/connection-details`, which lets a person into a room, and LiveKit's webhook."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from voicechat.api.errors import ApiError, documented
from voicechat.api.key_guard import caller_of
from voicechat.api.realtime import check_session
from voicechat.api.services import Services
from voicechat.api.text import JsonObject
from voicechat.transports.rooms.names import ROOM_NAME
from voicechat.transports.rooms.order import Order
from voicechat.transports.rooms.port import MalformedError, UnsignedError

MAX_NAME_CHARS = 64
MAX_WEBHOOK_BYTES = 262_144


class ConnectionRequest(BaseModel):
    """What a person asks for. Fields that LiveKit's own clients send and that are not here are ignored.

    `room_name`: a room that this server has named, for whoever joins somebody; else a new one. `session`: what the
    conversation starts with, as in `/v1/realtime/client_secrets`.
    """

    model_config = ConfigDict(extra="ignore")

    room_name: str | None = Field(None, pattern=f"^{ROOM_NAME}$")
    participant_name: str = Field("", max_length=MAX_NAME_CHARS)
    session: JsonObject = Field(default_factory=dict)


class ConnectionDetails(BaseModel):
    """Where to connect, and the token; the last two are the same in LiveKit's spelling."""

    serverUrl: str
    roomName: str
    participantName: str
    participantToken: str
    server_url: str
    participant_token: str


class Noticed(BaseModel):
    """The event was understood."""

    ok: bool = True


def rooms_router(services: Services) -> APIRouter:
    """The routes of rooms."""
    router = APIRouter(prefix="/api", tags=["rooms"])

    @router.post(
        "/connection-details",
        responses=documented(400, 401, 403, 404, 413, 429, 500, 503),
        summary="A room with the assistant, and a token to enter it",
    )
    async def connection_details(request: Request, body: ConnectionRequest | None = None) -> ConnectionDetails:
        asked, rooms = body or ConnectionRequest(), services.rooms.require()
        if asked.session:
            await check_session(asked.session, services)
        order = Order(key=caller_of(request.scope).key_id, session=asked.session)
        ticket = rooms.ticket(order, asked.participant_name, asked.room_name)
        return ConnectionDetails(
            serverUrl=rooms.public_url,
            roomName=ticket.room,
            participantName=ticket.name or ticket.identity,
            participantToken=ticket.token,
            server_url=rooms.public_url,
            participant_token=ticket.token,
        )

    @router.post(
        "/livekit/webhook",
        responses=documented(400, 401, 404, 413, 500, 503),
        summary="What LiveKit reports of rooms",
        openapi_extra={"requestBody": {"content": {"application/webhook+json": {"schema": {"type": "object"}}}}},
    )
    async def webhook(request: Request) -> Noticed:
        rooms, body = services.rooms.require(), await request.body()
        if len(body) > MAX_WEBHOOK_BYTES:
            raise ApiError(413, f"an event has at most {MAX_WEBHOOK_BYTES} bytes", code="body_too_large")
        try:
            rooms.notice(body, request.headers.get("authorization", ""))
        except UnsignedError as error:
            raise ApiError(401, str(error), code="invalid_signature") from error
        except MalformedError as error:
            raise ApiError(400, str(error), code="invalid_value") from error
        return Noticed()

    return router
