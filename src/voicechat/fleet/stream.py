"""One reply on one worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import grpc.aio

from voicechat.fleet.ending import Ending
from voicechat.fleet.port import (
    AudioChunk,
    SegmentFinished,
    SegmentStarted,
    SpeechDone,
    SpeechEvent,
    SpeechRequest,
    Started,
    VoiceError,
)
from voicechat.fleet.wire import speech_event, start_message, text_message, voice_error
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb

_MAX_WAITING = 64
"""Requests that may wait for the wire before `push_text` does."""

Open = Callable[
    [AsyncIterator[pb.SynthesizeRequest]],
    "grpc.aio.StreamStreamCall[pb.SynthesizeRequest, pb.SynthesizeResponse]",
]


class WorkerSpeechStream:
    """A reply on a gRPC call: what `SpeechStream` asks for, but its events are read one by one.

    Args:
        open_call: Starts the call with its requests.
        request: How to speak.
        address: Of the worker, for errors.
        first_audio_timeout_s: Longest wait for `Started`, and for audio once a first segment has begun.
    """

    def __init__(self, open_call: Open, request: SpeechRequest, address: str, first_audio_timeout_s: float) -> None:
        self._address = address
        self._timeout_s = first_audio_timeout_s
        self._requests: asyncio.Queue[pb.SynthesizeRequest | None] = asyncio.Queue(_MAX_WAITING)
        self._requests.put_nowait(start_message(request))
        self._call = open_call(self._outgoing())
        self._ending = Ending(self._call)
        self._started: SpeechEvent | None = None
        self._finished = False
        self._audio_heard = False
        self._awaited = True
        self._paused = False

    async def push_text(self, text: str) -> None:
        """Send more of the reply's text."""
        await self._send(text_message(text))

    async def flush(self) -> None:
        """Speak what has been sent."""
        await self._send(pb.SynthesizeRequest(flush=pb.Flush()))

    async def end(self) -> None:
        """No more text comes."""
        await self._send(pb.SynthesizeRequest(end=pb.End()))

    async def played(self, samples: int) -> None:
        """Report what the listener has heard."""
        await self._send(pb.SynthesizeRequest(played=pb.Played(samples=samples)))

    async def pause(self) -> None:
        """Hold the audio."""
        self._paused = True
        await self._send(pb.SynthesizeRequest(pause=pb.Pause()))

    async def resume(self) -> None:
        """Let it go on."""
        self._paused = False
        await self._send(pb.SynthesizeRequest(resume=pb.Resume()))

    async def stop(self) -> None:
        """End the reply early."""
        await self._send(pb.SynthesizeRequest(stop=pb.Stop()))

    async def begin(self) -> None:
        """Wait until the worker has taken the reply; raises `VoiceError`.

        Nothing may be sent before: a request on its way while the worker refuses would hide why it did.
        """
        self._started = await self._next()
        self._note(self._started)

    async def read(self) -> SpeechEvent:
        """The next event, `SpeechDone` last; raises `VoiceError`. Cancelling it gives the reply up."""
        if self._started is not None:
            started, self._started = self._started, None
            return started
        event = await self._next()
        self._note(event)
        return event

    @property
    def is_done(self) -> bool:
        """Whether the worker has said its last word."""
        return self._finished

    def cancel(self) -> None:
        """Give up what is unfinished."""
        self._call.cancel()
        self._finish()

    async def _next(self) -> SpeechEvent:
        try:
            async with asyncio.timeout(self._timeout_s if self._awaited and not self._paused else None):
                response = await self._call.read()
        except TimeoutError as error:
            raise VoiceError(
                "DEADLINE_EXCEEDED",
                f"the worker at {self._address} gave no audio for {self._timeout_s:g} s; see its load, or raise "
                "tts.first_audio_timeout_s",
            ) from error
        except grpc.aio.AioRpcError as error:
            raise voice_error(await self._ending.error(error), self._address) from error
        if not isinstance(response, pb.SynthesizeResponse):
            raise VoiceError("INTERNAL", f"the worker at {self._address} ended a reply without saying so; see its log")
        return speech_event(response)

    def _note(self, event: SpeechEvent) -> None:
        """Keep whether the worker owes us something now: `Started`, or the audio of a first segment."""
        match event:
            case AudioChunk():
                self._audio_heard = True
                self._awaited = False
            case SegmentStarted():
                self._awaited = not self._audio_heard
            case Started() | SegmentFinished():
                self._awaited = False
            case SpeechDone():
                self._finish()

    def _finish(self) -> None:
        """Close the request side, dropping what is unsent.

        The worker waits for it before it closes its own, and gRPC would leave the requests waiting for more.
        """
        self._finished = True
        while not self._requests.empty():
            self._requests.get_nowait()
        self._requests.put_nowait(None)

    async def _send(self, request: pb.SynthesizeRequest) -> None:
        """Wait for room; what is sent to a call that has ended goes nowhere, its reader learns why."""
        while not self._finished and not self._call.done():
            try:
                self._requests.put_nowait(request)
                return
            except asyncio.QueueFull:
                await asyncio.sleep(0.01)

    async def _outgoing(self) -> AsyncIterator[pb.SynthesizeRequest]:
        while (request := await self._requests.get()) is not None:
            yield request
