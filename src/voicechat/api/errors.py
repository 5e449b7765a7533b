"""Errors as OpenAI's clients read them: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

import json
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from voicechat.fleet.port import VoiceError

log = structlog.get_logger(__name__)

STATUS_OF_VOICE_ERROR = {
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "FAILED_PRECONDITION": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""HTTP status of each gRPC status that a request may meet; others are 500."""
DEFAULT_RETRY_AFTER_S = 1.0
NOT_JSON = "the body is not JSON in UTF-8, or is nested too deeply"
NO_OBJECT = "the body is a JSON object, sent with the header Content-Type: application/json"


class ErrorObject(BaseModel):
    """What was wrong: `code` is for programs, `message` for people, `param` names the field."""

    message: str
    type: str
    param: str | None
    code: str


class ErrorBody(BaseModel):
    """OpenAI's error object."""

    error: ErrorObject


REASONS = {
    400: "the request is wrong; the message says how",
    401: "no key, or one that is not known",
    403: "not from here: see server.allowed_hosts and server.allowed_origins",
    404: "no such thing; the message names what there is",
    409: "the voice's files are missing; the message holds the command that fetches them",
    413: "more than server.max_body_bytes",
    429: "too much at once; Retry-After says when to come back",
    500: "a defect; the server's log says more",
    503: "not now; Retry-After says when to come back",
    504: "no sound within tts.first_audio_timeout_s",
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for the API's description."""
    return {status: {"model": ErrorBody, "description": REASONS[status]} for status in statuses}


class ApiError(Exception):
    """A request that cannot be served. The text goes to the client."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s


def from_voice_error(error: VoiceError, param: str | None = None) -> ApiError:
    """The answer to a request whose speech failed."""
    status = STATUS_OF_VOICE_ERROR.get(error.code, 500)
    retry_after_s = error.retry_after_s or DEFAULT_RETRY_AFTER_S if status in (429, 503) else None
    return ApiError(status, str(error), code=error.code.lower(), param=param, retry_after_s=retry_after_s)


def error_body(error: ApiError) -> dict[str, Any]:
    """OpenAI's error object."""
    kind = "server_error" if error.status >= 500 else "invalid_request_error"
    return {"error": {"message": str(error), "type": kind, "param": error.param, "code": error.code}}


class _ErrorResponse(JSONResponse):
    """JSON in ASCII: what a client sent comes back in messages, and need not be text."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode()


def error_response(error: ApiError) -> JSONResponse:
    """An answer that is an error."""
    headers = {"Retry-After": str(max(1, round(error.retry_after_s)))} if error.retry_after_s is not None else None
    return _ErrorResponse(error_body(error), error.status, headers=headers)


def install_error_handlers(app: FastAPI) -> None:
    """Let every error of `app` leave as OpenAI's error object."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _internal_error)


async def _api_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return error_response(error)


async def _validation_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:]) or None
    if first["type"] == "json_invalid":
        return error_response(ApiError(400, NOT_JSON, code="invalid_json"))
    if place is None:
        return error_response(ApiError(400, NO_OBJECT, code="invalid_value"))
    return error_response(ApiError(400, f"{place}: {first['msg']}", code="invalid_value", param=place))


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400 and isinstance(error.__cause__, UnicodeDecodeError | RecursionError):
        return error_response(ApiError(400, NOT_JSON, code="invalid_json"))
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    message = f"{request.method} {request.url.path}: {error.detail}"
    response = error_response(ApiError(error.status_code, message, code=code))
    response.headers.update(error.headers or {})
    return response


async def _internal_error(request: Request, error: Exception) -> JSONResponse:
    # A body that breaks off has been logged by its cause.
    if not isinstance(error, ConnectionAbortedError):
        log.error("request failed", method=request.method, path=request.url.path, exc_info=error)
    return error_response(ApiError(500, "internal error; the server's log says more", code="internal_error"))
