"""A tap on the wire between the orchestrator and the worker: what was spoken before anything was done to it.

The worker's audio is what a reply sounds like undisturbed, and its word times say which words a stretch of it holds;
both are known here without asking the orchestrator.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import grpc
import grpc.aio
import numpy as np

from voicechat.audio.pcm import Pcm16, from_bytes
from voicechat.fleet.ending import Ending
from voicechat.launch.ports import LOOPBACK
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb

_SPEAK = "/voicechat.tts.v1.Synthesizer/Synthesize"
_PROXYLESS = (("grpc.enable_http_proxy", 0),)
_ENOUGH_TO_KNOW = 4800
"""Samples that tell one reply from another: 200 ms."""


@dataclass(frozen=True, slots=True)
class TimedWord:
    """Where a word ends in the text as sent, and when it is heard, ms on the reply's clock."""

    char_end: int
    start_ms: float
    end_ms: float


@dataclass(slots=True)
class TappedReply:
    """One reply: the text that the worker was sent, and what it gave."""

    parts: list[Pcm16] = field(default_factory=list)
    text: str = ""
    words: list[TimedWord] = field(default_factory=list)

    @property
    def pcm(self) -> Pcm16:
        """All of it."""
        return np.concatenate(self.parts) if self.parts else np.zeros(0, np.int16)

    def words_until(self, heard_ms: float) -> list[str]:
        """The written words to the last of which at least half had been heard.

        Words that run into the next ("of a") have no time of their own and count with it.
        """
        ends = [word.char_end for word in self.words if (word.start_ms + word.end_ms) / 2 <= heard_ms]
        return self.text[: max(ends, default=0)].split()


class VoiceTap(grpc.GenericRpcHandler):
    """Passes every call on to the worker, byte for byte, and keeps what replies were made of."""

    def __init__(self, worker: grpc.aio.Channel) -> None:
        self._worker = worker
        self.replies: list[TappedReply] = []
        self.address = ""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """How a call is passed on."""
        method = handler_call_details.method
        if method == _SPEAK:
            return grpc.stream_stream_rpc_method_handler(self._speak)

        async def ask(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            try:
                pass_on = cast("grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]", self._worker.unary_unary(method))
                return await pass_on(request, timeout=context.time_remaining())
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "")

        return grpc.unary_unary_rpc_method_handler(ask)

    def reply_of(self, sent: Pcm16) -> TappedReply | None:
        """The reply that begins as `sent` does; None if there is none, or too little to know."""
        head = sent[:_ENOUGH_TO_KNOW]
        if head.size < _ENOUGH_TO_KNOW:
            return None
        for reply in reversed(self.replies):
            if np.array_equal(reply.pcm[:_ENOUGH_TO_KNOW], head):
                return reply
        return None

    async def _speak(
        self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> AsyncIterator[bytes]:
        reply = TappedReply()
        self.replies.append(reply)
        pass_on = cast("grpc.aio.StreamStreamMultiCallable[bytes, bytes]", self._worker.stream_stream(_SPEAK))
        call = pass_on(
            _noted(reply, requests), metadata=context.invocation_metadata(), timeout=context.time_remaining()
        )
        ending = Ending(call)
        try:
            async for message in call:
                _note(reply, message)
                yield message
        except grpc.aio.AioRpcError as seen:
            error = await ending.error(seen)
            await context.abort(error.code(), error.details() or "")
        finally:
            call.cancel()


def _note(reply: TappedReply, message: bytes) -> None:
    response = pb.SynthesizeResponse.FromString(message)
    match response.WhichOneof("response"):
        case "audio":
            reply.parts.append(from_bytes(response.audio.pcm))
        case "words":
            reply.words += [TimedWord(word.char_end, word.start_ms, word.end_ms) for word in response.words.words]


async def _noted(reply: TappedReply, requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for message in requests:
        reply.text += pb.SynthesizeRequest.FromString(message).text.text
        yield message


@asynccontextmanager
async def tapped(worker_address: str | None) -> AsyncIterator[VoiceTap | None]:
    """A tap before the worker, on a free port; None where no address is given."""
    if worker_address is None:
        yield None
        return
    async with grpc.aio.insecure_channel(worker_address, options=_PROXYLESS) as channel:
        tap = VoiceTap(channel)
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((tap,))
        tap.address = f"{LOOPBACK}:{server.add_insecure_port(f'{LOOPBACK}:0')}"
        await server.start()
        try:
            yield tap
        finally:
            await server.stop(grace=None)
