"""Connections of one server: bounded in number and in how slowly they may ask.

Whoever holds many connections without asking anything cannot keep others out: at the bound, the one that has waited
longest makes room.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum, auto
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from voicechat.access.denial import Reason
from voicechat.observability.rejections import rejections

ABORT_AFTER_S = 5.0
"""How long a WebSocket that was closed may keep its socket while its client does not read, s."""
LINGER_S = 5.0
"""How long the rest of a body is received and thrown away once its request is answered, s. A connection that closed at
once would be reset by what still arrives, and take the answer with it."""
LEAST_BODY_BYTES_PER_S = 16_000
"""A body that arrives at this pace may take as long as it needs."""


class Phase(Enum):
    """What a connection is waiting for."""

    ASKING = auto()
    SENDING_BODY = auto()
    BEING_SERVED = auto()


class Door:
    """Counts connections. Those that are `ASKING` may be dropped for others."""

    def __init__(self, most: int, header_timeout_s: float, body_timeout_s: float) -> None:
        self.header_timeout_s = header_timeout_s
        self.body_timeout_s = body_timeout_s
        self._most = most
        self._inside: set[object] = set()
        self._asking: OrderedDict[object, Callable[[], None]] = OrderedDict()
        self.is_shut = False

    @property
    def inside(self) -> int:
        """Connections held now."""
        return len(self._inside)

    def enter(self, connection: object) -> bool:
        """Whether there is, or could be made, room for one more."""
        if len(self._inside) >= self._most:
            rejections.count(Reason.CONNECTIONS.value)
            if not self._asking:
                return False
            longest, drop = next(iter(self._asking.items()))
            self.leave(longest)
            drop()
        self._inside.add(connection)
        return True

    def leave(self, connection: object) -> None:
        """The connection is gone, or is another's now."""
        self._inside.discard(connection)
        self._asking.pop(connection, None)

    def shut(self) -> None:
        """Drop whoever has nothing under way; others end as soon as they have been served."""
        self.is_shut = True
        while self._asking:
            connection, drop = self._asking.popitem()
            self.leave(connection)
            drop()

    def asks(self, connection: object, drop: Callable[[], None]) -> None:
        """The connection has nothing under way; `drop` ends it."""
        if connection in self._inside:
            self._asking[connection] = drop

    def is_served(self, connection: object) -> None:
        """The connection has asked for something."""
        self._asking.pop(connection, None)


class BoundedHttp(HttpToolsProtocol):
    """An HTTP connection that asks within time, or ends with 408."""

    def __init__(self, *args: Any, door: Door, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._door = door
        self._phase = Phase.ASKING
        self._timer: asyncio.TimerHandle | None = None
        self._body_began_s = 0.0
        self._body_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Let it in, or tell it that there is no room."""
        super().connection_made(transport)
        if not self._door.enter(self):
            self._answer(503, "the server holds as many connections as it can; try again", "too_many_connections")
            return
        self._door.asks(self, transport.abort)
        self._arm(self._door.header_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room."""
        self._disarm()
        self._door.leave(self)
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hand the place over with the socket."""
        self._disarm()
        self._door.leave(self)
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """A request begins; its headers are due."""
        super().on_message_begin()
        if self._phase is not Phase.ASKING:
            self._phase = Phase.ASKING
            self._arm(self._door.header_timeout_s)

    def on_headers_complete(self) -> None:
        """Its body is due."""
        self._door.is_served(self)
        self._phase = Phase.SENDING_BODY
        self._body_began_s, self._body_bytes = self.loop.time(), 0
        self._arm(self._door.body_timeout_s)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """More of it came."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it is here."""
        self._disarm()
        self._phase = Phase.BEING_SERVED
        super().on_message_complete()
        self._wait_for_more()

    def on_response_complete(self) -> None:
        """What comes next is the rest of a body that nobody wants, or another request."""
        super().on_response_complete()
        if self._phase is Phase.SENDING_BODY:
            self._arm(LINGER_S)
        self._wait_for_more()

    def _wait_for_more(self) -> None:
        answered = self.cycle is not None and self.cycle.response_complete
        if not answered or self._phase is not Phase.BEING_SERVED or self.pipeline:
            return
        if self._door.is_shut:
            self.transport.close()
        else:
            self._door.asks(self, self.transport.abort)

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, self._is_due)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_due(self) -> None:
        self._timer = None
        if self._phase is Phase.ASKING:
            rejections.count(Reason.SLOW_HEADERS.value, client=self._address)
            self._end("the headers of a request did not arrive in time (server.header_timeout_s)")
            return
        if self.cycle is not None and self.cycle.response_complete:
            self.transport.abort()
            return
        allowed_s = self._door.body_timeout_s + self._body_bytes / LEAST_BODY_BYTES_PER_S
        left_s = self._body_began_s + allowed_s - self.loop.time()
        if left_s > 0:
            self._arm(left_s)
            return
        rejections.count(Reason.SLOW_BODY.value, client=self._address)
        self._end("the body of the request did not arrive in time (server.body_timeout_s)")

    def _end(self, message: str) -> None:
        answering = self._phase is not Phase.ASKING and self.cycle is not None and self.cycle.response_started
        if answering or self.transport.is_closing():
            self.transport.abort()
        else:
            self._answer(408, message, "request_timeout")

    def _answer(self, status: int, message: str, code: str) -> None:
        """Say why, past the application, and end."""
        kind = "server_error" if status >= 500 else "invalid_request_error"
        body = json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()
        phrase = {408: "Request Timeout", 503: "Service Unavailable"}[status]
        head = (
            f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            "retry-after: 1\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket whose socket goes away even if its client stops reading."""

    def __init__(self, *args: Any, door: Door, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._door = door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the place that the HTTP connection left."""
        super().connection_made(transport)
        self._door.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room."""
        self._door.leave(self)
        super().connection_lost(exc)

    async def run_asgi(self) -> None:
        """Serve, and drop what the client has not fetched a while after the end."""
        await super().run_asgi()
        self.loop.call_later(ABORT_AFTER_S, self.transport.abort)
