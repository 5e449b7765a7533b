"""Asks for keys before anything of a request is read, and bounds what each key may use."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from voicechat.access.access import Access, Caller, Use
from voicechat.access.denial import AccessDenied
from voicechat.api.errors import ApiError, error_response
from voicechat.api.scopes import need_of
from voicechat.observability.rejections import rejections

KEY_SUBPROTOCOL = "openai-insecure-api-key."
CALLER = "voicechat.caller"
"""Where a request's scope holds who asks."""
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="voicechat"'}


class KeyGuard:
    """ASGI middleware: 401, 403 and 429 to those who may not come in, for requests and WebSockets alike."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            await self._serve(scope, receive, send)
        except AccessDenied as denied:
            rejections.count(denied.reason.value, path=scope["path"], client=_address(scope))
            await refuse(_as_api_error(denied), scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        need = need_of(scope["path"])
        if need.public:
            await self._app(scope, receive, send)
            return
        is_socket = scope["type"] == "websocket"
        credential = credential_of(Headers(scope=scope), scope.get("subprotocols", ()))
        caller = await self._access.identify(credential, need.scope, takes_secrets=need.takes_secrets and is_socket)
        scope[CALLER] = caller
        async with self._access.admitted(caller, Use.SESSION if is_socket else Use.REQUEST):
            await self._app(scope, receive, send)


def caller_of(scope: Scope) -> Caller:
    """Who asks."""
    caller: Caller = scope[CALLER]
    return caller


def credential_of(headers: Headers, subprotocols: Iterable[str]) -> str | None:
    """The key or client secret that is shown, in any of the ways that OpenAI's clients have."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    if key := headers.get("api-key"):
        return key.strip()
    return next((each.removeprefix(KEY_SUBPROTOCOL) for each in subprotocols if each.startswith(KEY_SUBPROTOCOL)), None)


async def refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with `error`, before the body is read or the WebSocket is accepted."""
    response = error_response(error)
    if error.status == 401:
        response.headers.update(CHALLENGE)
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(response)
        return
    await response(scope, receive, send)


def _as_api_error(denied: AccessDenied) -> ApiError:
    return ApiError(denied.status, str(denied), code=denied.code, retry_after_s=denied.retry_after_s)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""
