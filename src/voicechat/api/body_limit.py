"""A bound on request bodies that holds while they stream in, whatever their headers claim."""

from __future__ import annotations

from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voicechat.access.denial import Reason
from voicechat.api.errors import ApiError
from voicechat.api.key_guard import refuse
from voicechat.observability.rejections import rejections


class _TooLargeError(Exception):
    pass


class BodyLimit:
    """ASGI middleware: answers 413 once a body passes `max_bytes`."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._declared(scope) > self._max_bytes:
            await self._refuse(scope, receive, send)
            return
        await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = 0
        is_answered = False

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise _TooLargeError
            return message

        async def noted(message: Message) -> None:
            nonlocal is_answered
            # Frameworks answer a body that cannot be read with an error of their own.
            if is_answered or received <= self._max_bytes:
                is_answered = True
                await send(message)

        with suppress(_TooLargeError):
            await self._app(scope, counted, noted)
        if not is_answered and received > self._max_bytes:
            await self._refuse(scope, receive, send)

    def _declared(self, scope: Scope) -> int:
        length = Headers(scope=scope).get("content-length", "")
        return int(length) if length.isdecimal() else 0

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = f"a request body has at most {self._max_bytes} bytes (server.max_body_bytes)"
        rejections.count(Reason.BODY_SIZE.value, path=scope["path"])
        await refuse(ApiError(413, message, code="body_too_large"), scope, receive, send)
