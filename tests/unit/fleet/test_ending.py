"""Calls that a worker ends while a request is on its way to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, cast

import grpc
import grpc.aio
import pytest
from grpc.aio import AioRpcError, Metadata

from voicechat.fleet.credentials import open_channel
from voicechat.fleet.ending import SEND_FAILED, Ending
from voicechat.fleet.port import SpeechRequest, VoiceError
from voicechat.fleet.stream import Open, WorkerSpeechStream
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.rpc.voicechat.tts.v1.tts_pb2_grpc import (
    SynthesizerServicer,
    SynthesizerStub,
    add_SynthesizerServicer_to_server,
)
from voicechat.settings import GrpcSettings

DRAINING = AioRpcError(
    grpc.StatusCode.UNAVAILABLE, Metadata(), Metadata(("retry-after-ms", "1500")), "this worker is draining"
)
UNSENT = AioRpcError(grpc.StatusCode.INTERNAL, Metadata(), Metadata(), SEND_FAILED)


class OverwrittenCall:
    """A call whose status is set more than once, as grpc.aio's is when a request of it fails."""

    def __init__(self) -> None:
        self._status = UNSENT
        self._callback: Callable[[Any], None]

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        self._callback = callback

    def ends(self, status: AioRpcError) -> None:
        self._status = status
        self._callback(self)

    async def code(self) -> grpc.StatusCode:
        return self._status.code()

    async def details(self) -> str:
        return self._status.details() or ""

    async def trailing_metadata(self) -> Metadata:
        return self._status.trailing_metadata()


def watched() -> tuple[OverwrittenCall, Ending]:
    call = OverwrittenCall()
    return call, Ending(cast("grpc.aio.StreamStreamCall[Any, Any]", call))


@pytest.mark.parametrize("order", [(DRAINING, UNSENT), (UNSENT, DRAINING)], ids=["status-first", "failure-first"])
async def test_the_peers_status_is_told_whichever_came_first(order: tuple[AioRpcError, AioRpcError]) -> None:
    call, ending = watched()
    for status in order:
        call.ends(status)

    error = await ending.error(UNSENT)

    assert (error.code(), error.details()) == (DRAINING.code(), DRAINING.details())
    assert error.trailing_metadata() == DRAINING.trailing_metadata()


async def test_a_call_without_a_status_of_its_peer_ended_as_it_was_seen() -> None:
    call, ending = watched()
    call.ends(UNSENT)

    assert await ending.error(UNSENT) is UNSENT


async def test_what_was_seen_stands_unless_it_is_about_a_request() -> None:
    call, ending = watched()
    call.ends(DRAINING)
    late = AioRpcError(grpc.StatusCode.DEADLINE_EXCEEDED, Metadata(), Metadata(), "too late")

    assert await ending.error(late) is late


def test_a_call_that_is_done_and_does_not_know_how_is_an_error() -> None:
    class Slow(OverwrittenCall):
        def details(self) -> Coroutine[Any, Any, str]:
            return never()

    call = Slow()
    Ending(cast("grpc.aio.StreamStreamCall[Any, Any]", call))
    with pytest.raises(RuntimeError, match="grpcio"):
        call.ends(DRAINING)


async def never() -> str:
    await _Forever()
    return ""


class _Forever:
    def __await__(self) -> Any:
        yield


def held_back(open_call: Open, turns: int) -> Open:
    """Calls whose requests set out some turns of the event loop late, so that one of them meets the refusal."""

    async def later(requests: AsyncIterator[pb.SynthesizeRequest]) -> AsyncIterator[pb.SynthesizeRequest]:
        for _ in range(turns):
            await asyncio.sleep(0)
        async for request in requests:
            yield request

    return lambda requests: open_call(later(requests))


class Refusing(SynthesizerServicer):
    """Refuses every reply without looking at it."""

    async def Synthesize(self, requests: object, context: grpc.aio.ServicerContext[Any, Any]) -> None:  # type: ignore[override]  # the stubs know only generators
        await context.abort(DRAINING.code(), DRAINING.details() or "", (("retry-after-ms", "1500"),))


@pytest.mark.parametrize("secret", [None, "s3cret"], ids=["plain", "intercepted"])
async def test_a_refusal_that_crosses_the_start_is_told_as_the_worker_said_it(secret: str | None) -> None:
    server = grpc.aio.server()
    add_SynthesizerServicer_to_server(Refusing(), server)  # type: ignore[abstract]  # one method is enough here
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    told = set()
    settings = GrpcSettings.model_validate({"secret": secret})
    async with open_channel(address, settings, (("grpc.enable_http_proxy", 0),)) as channel:
        for number in range(300):
            open_call = held_back(SynthesizerStub(channel).Synthesize, turns=number % 30)
            stream = WorkerSpeechStream(open_call, SpeechRequest(), address, 5.0)
            with pytest.raises(VoiceError) as refused:
                await stream.begin()
            stream.cancel()
            told.add((refused.value.code, str(refused.value), refused.value.retry_after_s))
    await server.stop(None)

    assert told == {("UNAVAILABLE", DRAINING.details(), 1.5)}
