"""How a call on the wire ended, though a request was still on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import grpc.aio

SEND_FAILED = "Internal error from Core"
"""Details that grpc.aio gives a call when a request of it could not be sent."""
_STATUS_FOLLOWS_S = 0.1
_T = TypeVar("_T")


class Ending:
    """The status that the peer gave a call.

    A peer may end a call without reading what is sent to it. A request that is on its way at that moment fails, and
    grpc.aio then writes `SEND_FAILED` over the call's status, whether or not the peer's has come
    (`set_internal_error` in grpc/_cython/_cygrpc/aio/call.pyx.pxi). So it is kept here as soon as it comes.

    Args:
        call: Watched from now on; give it before anything else is awaited.
    """

    def __init__(self, call: grpc.aio.StreamStreamCall[Any, Any]) -> None:
        self._error: grpc.aio.AioRpcError | None = None
        self._known = asyncio.Event()
        call.add_done_callback(self._note)

    async def error(self, seen: grpc.aio.AioRpcError) -> grpc.aio.AioRpcError:
        """Why the call failed, where `seen` may only tell that a request did; `seen` if nothing better is known."""
        if seen.details() != SEND_FAILED:
            return seen
        with suppress(TimeoutError):
            async with asyncio.timeout(_STATUS_FOLLOWS_S):
                await self._known.wait()
        return self._error or seen

    def _note(self, call: grpc.aio.StreamStreamCall[Any, Any]) -> None:
        """Called with each status that the call is given."""
        details = _result(call.details())
        if details == SEND_FAILED or self._error is not None:
            return
        trailing = _result(call.trailing_metadata()) or grpc.aio.Metadata()
        self._error = grpc.aio.AioRpcError(_result(call.code()), grpc.aio.Metadata(), trailing, details)
        self._known.set()


def _result(answer: Coroutine[Any, Any, _T]) -> _T:
    """What a call that is done says of itself: it does so without waiting, while its status is still there."""
    try:
        answer.send(None)
    except StopIteration as stop:
        result: _T = stop.value
        return result
    answer.close()
    raise RuntimeError("a call that is done must know its status; is grpcio as the lock file has it?")
