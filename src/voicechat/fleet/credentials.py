"""What an orchestrator shows a worker, and asks of it: TLS, its own certificate, a shared secret."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from voicechat.fleet.port import VoiceError
from voicechat.settings import GrpcSettings

ChannelOptions = Sequence[tuple[str, Any]]


def open_channel(address: str, settings: GrpcSettings, options: ChannelOptions) -> grpc.aio.Channel:
    """A channel to the worker at `address`: TLS where an authority is named, plain otherwise.

    Raises `VoiceError` when a file of the credentials cannot be read.
    """
    interceptors = [] if settings.secret is None else _shown(settings.secret.get_secret_value())
    if settings.ca is None:
        return grpc.aio.insecure_channel(address, options=options, interceptors=interceptors)
    if settings.server_name is not None:
        options = (*options, ("grpc.ssl_target_name_override", settings.server_name))
    return grpc.aio.secure_channel(address, _credentials(settings), options=options, interceptors=interceptors)


def _credentials(settings: GrpcSettings) -> grpc.ChannelCredentials:
    files = (settings.ca, settings.private_key, settings.certificate)
    return grpc.ssl_channel_credentials(*(None if path is None else _read(path) for path in files))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"cannot read {path} ({error.strerror}); see grpc.ca, grpc.certificate and grpc.private_key"
        raise VoiceError("FAILED_PRECONDITION", message) from error


def _shown(secret: str) -> list[grpc.aio.ClientInterceptor]:
    return [_SecretOfCalls(secret), _SecretOfStreams(secret)]


class _Secret:
    def __init__(self, secret: str) -> None:
        self._header = ("authorization", f"Bearer {secret}")

    def _with_secret(self, details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
        metadata = grpc.aio.Metadata(*(details.metadata or ()), self._header)
        return grpc.aio.ClientCallDetails(
            details.method, details.timeout, metadata, details.credentials, details.wait_for_ready
        )


class _SecretOfCalls(_Secret, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        """Show the secret with a call."""
        return await continuation(self._with_secret(details), request)


class _SecretOfStreams(_Secret, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:
        """Show the secret with a reply."""
        return await continuation(self._with_secret(details), requests)
