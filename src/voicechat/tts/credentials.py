"""What a worker shows an orchestrator, and asks of it: TLS, a certificate in turn, a shared secret."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from voicechat.settings import GrpcSettings

OPEN_METHODS = "/grpc.health.v1.Health/"
"""Health tells nothing that a connection does not, and those who restart workers have no secret."""
REFUSED = "this worker asks for a secret: set grpc.secret (VOICECHAT_GRPC_SECRET) to the worker's own"


class CredentialsError(OSError):
    """A file of the credentials cannot be used; the text names it."""


def bind(server: grpc.aio.Server, address: str, settings: GrpcSettings) -> int:
    """Bind `server` to `address`; returns the port.

    With a certificate it speaks TLS, and with an authority it asks for certificates in turn.
    Raises `CredentialsError`, or `RuntimeError` where the address cannot be bound.
    """
    if settings.certificate is None or settings.private_key is None:
        return server.add_insecure_port(address)
    authority = None if settings.ca is None else _read(settings.ca)
    pair = (_read(settings.private_key), _read(settings.certificate))
    credentials = grpc.ssl_server_credentials([pair], authority, require_client_auth=authority is not None)
    return server.add_secure_port(address, credentials)


def interceptors(settings: GrpcSettings, on_refused: Callable[[str], None]) -> list[grpc.aio.ServerInterceptor]:
    """What looks at each call before it is served; `on_refused` is told the method of each that is not."""
    return [] if settings.secret is None else [_AskSecret(settings.secret.get_secret_value(), on_refused)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"cannot read {path} ({error.strerror}); see grpc.certificate, grpc.private_key and grpc.ca"
        raise CredentialsError(message) from error


class _AskSecret(grpc.aio.ServerInterceptor):
    """Refuses calls that do not show the secret, compared in constant time."""

    def __init__(self, secret: str, on_refused: Callable[[str], None]) -> None:
        self._expected = f"Bearer {secret}".encode()
        self._on_refused = on_refused

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        """The method's handler, or one that refuses."""
        handler = await continuation(details)
        if handler is None or details.method.startswith(OPEN_METHODS) or self._is_shown(details):
            return handler
        self._on_refused(details.method)
        return _refusing(handler)

    def _is_shown(self, details: grpc.HandlerCallDetails) -> bool:
        values = [value for name, value in details.invocation_metadata or () if name == "authorization"]
        return len(values) == 1 and hmac.compare_digest(_as_bytes(values[0]), self._expected)


def _as_bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")


def _refusing(handler: Any) -> Any:
    """A handler of the same kind that only refuses."""

    async def refuse(_: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, REFUSED)

    kinds = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    make = kinds[handler.request_streaming, handler.response_streaming]
    return make(refuse, handler.request_deserializer, handler.response_serializer)
