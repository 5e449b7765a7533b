"""The fleet as the settings name it: one worker at a fixed address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from voicechat.fleet.credentials import open_channel
from voicechat.fleet.port import SpeechRequest, SpeechStream, VoiceError, VoiceModel
from voicechat.fleet.stream import WorkerSpeechStream
from voicechat.fleet.wire import voice_error, voice_model
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.rpc.voicechat.tts.v1.tts_pb2_grpc import SynthesizerStub
from voicechat.settings import GrpcSettings, TtsSettings

_CHANNEL_OPTIONS = (
    # A supervised worker is back within a second: look often. The minimum is also the time one attempt gets.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 500),
    # A worker whose machine vanished is noticed in 12 s even while it owes nothing.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 2_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Proxies of the environment are for the internet, not for a worker.
    ("grpc.enable_http_proxy", 0),
)


class WorkerFleet:
    """Implements `VoiceFleet` with the worker at `settings.worker_address`; make it on the event loop that uses it."""

    def __init__(self, settings: TtsSettings, grpc_settings: GrpcSettings | None = None) -> None:
        self._settings = settings
        self._address = settings.worker_address
        self._channel = open_channel(self._address, grpc_settings or GrpcSettings(), _CHANNEL_OPTIONS)
        self._stub = SynthesizerStub(self._channel)
        self._health = health_pb2_grpc.HealthStub(self._channel)

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[SpeechStream]:
        """Open a reply, once the worker has taken it. Raises `VoiceError` when none is reached or it refuses."""
        await self._connected()
        stream = WorkerSpeechStream(self._stub.Synthesize, request, self._address, self._settings.first_audio_timeout_s)
        try:
            await stream.begin()
            yield stream
        finally:
            stream.cancel()

    async def models(self) -> Sequence[VoiceModel]:
        """The voices of the worker's catalogue."""
        await self._connected()
        try:
            listed = await self._stub.ListModels(pb.ListModelsRequest(), timeout=self._settings.connect_timeout_s)
        except grpc.aio.AioRpcError as error:
            raise voice_error(error, self._address) from error
        return [voice_model(model) for model in listed.models]

    async def check(self) -> None:
        """Ask the worker whether it serves."""
        await self._connected()
        try:
            answer = await self._health.Check(health_pb2.HealthCheckRequest(), timeout=self._settings.connect_timeout_s)
        except grpc.aio.AioRpcError as error:
            raise voice_error(error, self._address) from error
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise VoiceError("UNAVAILABLE", f"the worker at {self._address} is loading its voice or draining; wait")

    async def aclose(self) -> None:
        """Release the channel; replies that run are cancelled."""
        await self._channel.close()

    async def _connected(self) -> None:
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s):
                await self._channel.channel_ready()
        except TimeoutError as error:
            raise VoiceError(
                "UNAVAILABLE",
                f"no worker was reached at {self._address} within {self._settings.connect_timeout_s:g} s; start one "
                "with: voicechat worker, or set tts.worker_address",
            ) from error
