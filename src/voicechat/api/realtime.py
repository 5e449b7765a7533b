"""`WS /v1/realtime` and the credentials that browsers open it with."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from openai.types.realtime import RealtimeSessionCreateRequest
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.websockets import WebSocket

from voicechat.access.client_secrets import (
    DEFAULT_TTL_S,
    TTL_RANGE_S,
    SecretStoreError,
    SessionTooLargeError,
    TooManySecretsError,
)
from voicechat.api.errors import ApiError, documented
from voicechat.api.key_guard import caller_of
from voicechat.api.services import Services
from voicechat.api.text import JsonObject
from voicechat.conversation.port import CommandRefused
from voicechat.observability.traces import CALLER, TRACEPARENT, parse_traceparent
from voicechat.transports.realtime.connection import initial_config, serve_connection
from voicechat.transports.realtime.errors import ProtocolError, from_validation
from voicechat.transports.realtime.handshake import read_handshake
from voicechat.transports.realtime.protocol import new_id
from voicechat.transports.realtime.session_config import SessionConfig, describe
from voicechat.transports.realtime.wire import reject_unknown_fields


class ExpiresAfter(BaseModel):
    """How long a secret is valid."""

    model_config = ConfigDict(extra="forbid")

    anchor: Literal["created_at"] = "created_at"
    seconds: int = Field(DEFAULT_TTL_S, ge=TTL_RANGE_S[0], le=TTL_RANGE_S[1])


class ClientSecretRequest(BaseModel):
    """A credential to make, and the session that its bearer gets."""

    model_config = ConfigDict(extra="forbid")

    expires_after: ExpiresAfter = ExpiresAfter()
    session: JsonObject = Field(default_factory=lambda: {"type": "realtime"})


class ClientSecret(BaseModel):
    """A credential and the session that its bearer gets. `expires_at` is in Unix time, s."""

    value: str
    expires_at: int
    session: dict[str, Any]


def realtime_router(services: Services) -> APIRouter:
    """The routes of the Realtime protocol."""
    router = APIRouter(prefix="/v1/realtime", tags=["realtime"])

    @router.websocket("")
    async def realtime(socket: WebSocket) -> None:
        caller = caller_of(socket.scope)
        offered = socket.scope["subprotocols"]
        CALLER.set(parse_traceparent(socket.headers.get(TRACEPARENT)))
        handshake = read_handshake(socket.query_params, offered, caller.session, caller.key_id)
        await serve_connection(socket, handshake, services.realtime, lambda: services.access.until_ended(caller))

    @router.post(
        "/client_secrets",
        responses=documented(400, 401, 403, 413, 429, 500, 503),
        summary="A short-lived credential for a browser",
    )
    async def client_secrets(request: Request, body: ClientSecretRequest | None = None) -> ClientSecret:
        asked = body or ClientSecretRequest()
        described = describe(await check_session(asked.session, services), new_id("sess"))
        try:
            secret = await services.access.client_secrets.issue(
                asked.session, asked.expires_after.seconds, caller_of(request.scope).key_id
            )
        except TooManySecretsError as error:
            raise ApiError(429, str(error), code="too_many_secrets", retry_after_s=60) from error
        except SessionTooLargeError as error:
            raise ApiError(400, str(error), code="session_too_large", param="session") from error
        except SecretStoreError as error:
            raise ApiError(503, str(error), code="unavailable", retry_after_s=2) from error
        return ClientSecret(value=secret.value, expires_at=secret.expires_at, session=described)

    return router


async def check_session(session: dict[str, Any], services: Services) -> SessionConfig:
    """The session that a credential will open, checked now rather than when it is used. Raises `ApiError`."""
    try:
        request = RealtimeSessionCreateRequest.model_validate(session, strict=True)
        reject_unknown_fields(request)
        return await initial_config(request.model or "gpt-realtime", session, services.realtime)
    except ValidationError as error:
        wrong = from_validation(error, "session")
        raise ApiError(400, str(wrong), code=wrong.code, param=wrong.param) from error
    except ProtocolError as error:
        raise ApiError(400, str(error), code=error.code, param=error.param) from error
    except CommandRefused as error:
        raise ApiError(503, str(error), code=error.code, retry_after_s=2) from error
