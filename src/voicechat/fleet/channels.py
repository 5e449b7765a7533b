"""Connections to workers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from voicechat.fleet.breaker import Breaker
from voicechat.fleet.credentials import open_channel
from voicechat.fleet.port import VoiceError
from voicechat.fleet.wire import voice_error
from voicechat.rpc.voicechat.tts.v1.tts_pb2_grpc import SynthesizerStub
from voicechat.settings import GrpcSettings

_OPTIONS = (
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


class WorkerLink:
    """The channel to one worker, and how well it has served.

    `users` counts those who wait for something on it: gRPC cancels them all when it is closed.
    """

    def __init__(self, address: str, settings: GrpcSettings) -> None:
        self.address = address
        self.breaker = Breaker(asyncio.get_running_loop().time)
        self.users = 0
        self._channel = open_channel(address, settings, _OPTIONS)
        self.stub = SynthesizerStub(self._channel)
        self._health = health_pb2_grpc.HealthStub(self._channel)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Be counted among its users."""
        self.users += 1
        try:
            yield
        finally:
            self.users -= 1

    def warm(self) -> None:
        """Begin to connect."""
        self._channel.get_state(try_to_connect=True)

    async def reach(self, within_s: float) -> None:
        """Wait until it is connected. Raises `VoiceError`."""
        try:
            with self.used():
                async with asyncio.timeout(within_s):
                    await self._channel.channel_ready()
        except TimeoutError as error:
            raise VoiceError(
                "UNAVAILABLE",
                f"no worker was reached at {self.address} within {within_s:g} s; start one with: voicechat worker, or "
                "set tts.worker_address",
            ) from error

    async def check(self, within_s: float) -> None:
        """Ask whether it serves. Raises `VoiceError`."""
        try:
            with self.used():
                answer = await self._health.Check(health_pb2.HealthCheckRequest(), timeout=within_s)
        except grpc.aio.AioRpcError as error:
            raise voice_error(error, self.address) from error
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise VoiceError("UNAVAILABLE", f"the worker at {self.address} is loading its voice or draining; wait")

    async def answers(self, within_s: float) -> bool:
        """Whether the process there is alive, whatever it says."""
        try:
            with self.used():
                await self._health.Check(health_pb2.HealthCheckRequest(), timeout=within_s)
        except grpc.aio.AioRpcError:
            return False
        return True

    async def aclose(self) -> None:
        """Close the channel; calls that run on it are cancelled."""
        await self._channel.close()
