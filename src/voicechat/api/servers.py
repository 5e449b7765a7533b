"""HTTP servers of one process: bound before anything is loaded, without hands on the process's signals."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from voicechat.api.connections import BoundedHttp, BoundedWebSocket, Door
from voicechat.settings import ServerSettings

FRAME_SLACK = 2
"""Frames up to this many times the limit get an error event; larger ones end the connection with code 1009."""


class BindError(Exception):
    """An address cannot be listened on; the text names the setting."""


class QuietServer(uvicorn.Server):
    """A server that leaves signals to the process it is part of, and says when it is up."""

    def __init__(self, config: uvicorn.Config, door: Door) -> None:
        super().__init__(config)
        self._door = door
        self.is_up = asyncio.Event()

    def limit_grace(self, seconds: float) -> None:
        """Give running requests this long when the server ends; whole seconds, and one at least."""
        self.config.timeout_graceful_shutdown = max(1, round(seconds))

    def take_nobody_new(self) -> None:
        """Refuse connections, and end those that have nothing under way: a balancer turns to another process."""
        for server in self.servers:
            server.close()
        self._door.shut()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept."""
        await super().startup(sockets)
        self.is_up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def bind(host: str, port: int, setting: str) -> socket.socket:
    """A listening socket. Raises `BindError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where a socket says that it is TCP: with it, the first sound of an
    # answer would wait 40 ms for the acknowledgement of its headers, and each small event for that of the one before.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(256)
    except OSError as error:
        listener.close()
        message = f"cannot listen on {host}:{port} ({error.strerror or error}); set {setting} to a free port, or to 0"
        raise BindError(message) from error
    listener.setblocking(False)
    return listener


def port_of(listener: socket.socket) -> int:
    """The port that was bound."""
    port: int = listener.getsockname()[1]
    return port


def make_server(app: ASGIApp, settings: ServerSettings, *, tls: bool = False) -> QuietServer:
    """A server for `app` within the bounds of `settings`; running requests get its grace when it ends.

    `tls`: with the certificate of `settings`, where there is one.
    """
    certificate, private_key = (settings.tls_certificate, settings.tls_private_key) if tls else (None, None)
    door = Door(settings.max_connections, settings.header_timeout_s, settings.body_timeout_s)
    config = uvicorn.Config(
        app,
        http=partial(BoundedHttp, door=door),  # type: ignore[arg-type]  # it is only ever called
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws=partial(BoundedWebSocket, door=door),  # type: ignore[arg-type]  # as above
        ws_max_size=settings.max_frame_bytes * FRAME_SLACK,
        ws_per_message_deflate=False,
        server_header=False,
        ssl_certfile=certificate,
        ssl_keyfile=private_key,
    )
    server = QuietServer(config, door)
    server.limit_grace(settings.shutdown_grace_s)
    return server


@contextlib.asynccontextmanager
async def running(server: QuietServer, listener: socket.socket) -> AsyncIterator[None]:
    """Serve on `listener` while the context lasts, then let requests finish."""
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        await server.is_up.wait()
        yield
    finally:
        server.should_exit = True
        await asyncio.wait((serving,))
        listener.close()
        serving.result()
