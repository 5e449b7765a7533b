"""Connections of a real server, as clients that do not behave meet it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import Receive, Scope, Send

from voicechat.api import connections
from voicechat.api.servers import bind, make_server, port_of, running
from voicechat.settings import ServerSettings

ANSWER = b"HTTP/1.1 401"


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer without reading."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"no"})


@asynccontextmanager
async def serving(**given: float) -> AsyncIterator[int]:
    listener = bind("127.0.0.1", 0, "server.port")
    settings = ServerSettings.model_validate({"shutdown_grace_s": 1, "max_connections": 8, **given})
    async with running(make_server(refuse, settings), listener):
        yield port_of(listener)


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


async def answer_of(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(2)
    return head


async def test_who_is_refused_while_still_sending_reads_why_and_may_ask_again() -> None:
    async with serving() as port:
        reader, writer = await connect(port)
        for _ in range(3):
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
            assert (await answer_of(reader)).startswith(ANSWER)
            writer.write(b"x" * 1_000_000)
            await writer.drain()
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await answer_of(reader)).startswith(ANSWER)
        writer.close()


async def test_a_body_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LINGER_S", 0.05)
    async with serving() as port:
        reader, writer = await connect(port)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert (await answer_of(reader)).startswith(ANSWER)
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(10):
                while True:
                    writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                    await writer.drain()


async def test_the_connection_that_waited_longest_makes_room() -> None:
    async with serving() as port:
        held = [await connect(port) for _ in range(8)]
        held[0][1].write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await answer_of(held[0][0])
        reader, writer = await connect(port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await answer_of(reader)).startswith(ANSWER)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            async with asyncio.timeout(10):
                await held[1][0].readexactly(1)
        for _, each in [*held, (reader, writer)]:
            each.close()


async def test_a_server_that_takes_nobody_new_serves_who_has_asked() -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def think(scope: Scope, receive: Receive, send: Send) -> None:
        asked.set()
        await may_answer.wait()
        await refuse(scope, receive, send)

    listener = bind("127.0.0.1", 0, "server.port")
    server = make_server(think, ServerSettings(shutdown_grace_s=1))
    async with running(server, listener):
        port = port_of(listener)
        (idle, idle_writer), (busy, busy_writer) = await connect(port), await connect(port)
        busy_writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await asked.wait()
        server.take_nobody_new()
        with pytest.raises(ConnectionError):
            await connect(port)
        with contextlib.suppress(ConnectionError):
            assert await idle.read() == b""
        may_answer.set()
        assert (await answer_of(busy)).startswith(ANSWER)
        assert await busy.read() == b""
        for writer in (idle_writer, busy_writer):
            writer.close()


async def test_what_is_sent_does_not_wait_for_what_was_sent_before(monkeypatch: pytest.MonkeyPatch) -> None:
    undelayed: list[int] = []
    connection_made = connections.BoundedHttp.connection_made

    def note(self: connections.BoundedHttp, transport: asyncio.Transport) -> None:
        sock = transport.get_extra_info("socket")
        undelayed.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        connection_made(self, transport)

    monkeypatch.setattr(connections.BoundedHttp, "connection_made", note)
    async with serving() as port:
        reader, writer = await connect(port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await answer_of(reader)
        writer.close()
    assert undelayed == [1]
