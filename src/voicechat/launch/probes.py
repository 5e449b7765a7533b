"""Whether a child answers: the questions that the supervisor asks while one starts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import grpc
import httpx

PROBE_TIMEOUT_S = 1.0
HEALTH_CHECK = "/grpc.health.v1.Health/Check"
EVERYTHING = b""
"""HealthCheckRequest without a service name: the server as a whole."""
SERVING = b"\x08\x01"
"""HealthCheckResponse{status: SERVING}."""


def grpc_is_serving(address: str) -> Callable[[], Awaitable[bool]]:
    """Asks grpc.health.v1 at `address`. Its two messages are written out, so that no stubs need be installed here."""

    async def ask() -> bool:
        async with grpc.aio.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
            check: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(HEALTH_CHECK)
            try:
                return await check(EVERYTHING, timeout=PROBE_TIMEOUT_S) == SERVING
            except grpc.aio.AioRpcError:
                return False

    return ask


def http_is_ok(url: str) -> Callable[[], Awaitable[bool]]:
    """Asks for a 200 at `url`, on this machine and so past any proxy."""

    async def ask() -> bool:
        try:
            # Without TLS there are no certificates to check, and reading them takes longer than the question.
            async with httpx.AsyncClient(timeout=PROBE_TIMEOUT_S, trust_env=False, verify=False) as client:
                return (await client.get(url)).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    return ask
