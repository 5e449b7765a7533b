"""Work for a client that may leave before it is done, and that may stop reading."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from starlette.types import Receive, Send

READ_TIMEOUT_S = 60.0
"""How long a client may leave a piece of its answer unread, s."""


async def while_listened(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end, or cancel it when the client has left. Raises what it raises."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def send_body(send: Send, body: bytes, *, more: bool = True) -> None:
    """Send a piece of an answer; nothing is no piece. Raises `ConnectionAbortedError` when nobody reads."""
    if more and not body:
        return
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            await send({"type": "http.response.body", "body": body, "more_body": more})
    except TimeoutError as error:
        raise ConnectionAbortedError(f"the client has read nothing for {READ_TIMEOUT_S:.0f} s") from error


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
