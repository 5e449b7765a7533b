"""What may be bound where without credentials."""

from __future__ import annotations

import ipaddress

from voicechat.settings import Environment, Settings


class ExposedError(Exception):
    """A server would let everybody in; the text says how to mend it."""


def is_loopback(host: str) -> bool:
    """Whether what is bound to `host` can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def keys_required(settings: Settings) -> bool:
    """Whether the API answers only to those who have a key."""
    access = settings.access
    if access.require_keys is not None:
        return access.require_keys
    is_private = settings.environment is Environment.DEVELOPMENT and is_loopback(settings.server.host)
    return not (access.insecure or is_private)


def check_api(settings: Settings, keys_in_force: int) -> None:
    """Raise `ExposedError` for a public address that nobody could use, as there are no keys.

    Where `access.require_keys` was asked for, keys may come later.
    """
    if keys_in_force or settings.access.require_keys or is_loopback(settings.server.host):
        return
    if keys_required(settings):
        raise ExposedError(
            f"server.host {settings.server.host} is open to the network, and there is no API key: make one with "
            "`voicechat keys create NAME`, bind to 127.0.0.1, or give --insecure to let everybody in"
        )


def check_worker(settings: Settings) -> None:
    """Raise `ExposedError` for a worker that everybody on the network could use."""
    grpc, host = settings.grpc, settings.worker.host
    is_guarded = grpc.secret is not None or (grpc.certificate is not None and grpc.ca is not None)
    if is_guarded or settings.access.insecure or is_loopback(host):
        return
    raise ExposedError(
        f"worker.host {host} is open to the network, and whoever reaches it may use the worker: set grpc.secret "
        "(VOICECHAT_GRPC_SECRET), or grpc.certificate, grpc.private_key and grpc.ca, bind to 127.0.0.1, or give "
        "--insecure"
    )
