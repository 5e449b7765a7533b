"""Ports of this machine: which are taken, and which are free."""

from __future__ import annotations

import errno
import random
import socket
from contextlib import suppress

LOOPBACK = "127.0.0.1"
LASTING = range(16_000, 32_000)
"""Ports that systems do not give to outgoing connections: one that is free stays free for a while."""
ATTEMPTS = 20


class PortInUseError(Exception):
    """A port that was asked for cannot be had; the text names it and the option that changes it."""


def check_free(host: str, port: int, option: str) -> None:
    """Raise `PortInUseError` unless a server could listen on `host`:`port` now. Port 0 is always free."""
    if port == 0:
        return
    try:
        _bind(host, port).close()
    except OSError as error:
        raise PortInUseError(_reason(error, host, port, option)) from error


def free_port(host: str = LOOPBACK) -> int:
    """A port on which nothing listens, and which no connection will take before a server does."""
    for port in random.sample(LASTING, ATTEMPTS):
        with suppress(OSError), _bind(host, port):
            return port
    with _bind(host, 0) as listener:
        return int(listener.getsockname()[1])


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # As servers do: connections that linger from an earlier run do not count.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _reason(error: OSError, host: str, port: int, option: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use by another program: end it or choose another port with {option}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} needs more rights than this user has: choose one above 1023 with {option}"
    return f"cannot listen on {host}:{port} ({error.strerror}): choose another address or port with {option}"
