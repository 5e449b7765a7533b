"""Keeps web pages of elsewhere from talking to an assistant on this machine.

Browsers let any page open WebSockets to localhost (cross-site WebSocket hijacking), and a name that an attacker points
at 127.0.0.1 makes it same-origin (DNS rebinding). So the Host must be ours, and an Origin must be ours or local.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from voicechat.access.denial import Reason
from voicechat.api.errors import ApiError
from voicechat.api.key_guard import refuse
from voicechat.observability.rejections import rejections

HOST_CODE = "host_not_allowed"


class OriginGuard:
    """ASGI middleware: 403 to strangers, for requests and WebSockets alike."""

    def __init__(self, app: ASGIApp, allowed_hosts: Sequence[str], allowed_origins: Sequence[str]) -> None:
        self._app = app
        self._hosts = tuple(host.lower() for host in allowed_hosts)
        self._origins = tuple(origin.lower().rstrip("/") for origin in allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        error = refusal(headers.get("host", ""), headers.get("origin"), self._hosts, self._origins)
        if error is None:
            await self._app(scope, receive, send)
            return
        reason = Reason.HOST if error.code == HOST_CODE else Reason.ORIGIN
        rejections.count(reason.value, path=scope["path"])
        await refuse(error, scope, receive, send)


def refusal(host: str, origin: str | None, hosts: Sequence[str], origins: Sequence[str]) -> ApiError | None:
    """Why a request with these headers is not served, or None."""
    if not _is_our_host(host, hosts):
        message = f"this server is not known as {host[:200]!r}; add the name to server.allowed_hosts"
        return ApiError(403, message, code=HOST_CODE)
    if origin is None or _is_our_origin(origin.lower(), host.lower(), origins):
        return None
    message = f"pages of {origin[:200]!r} may not talk to this server; add it to server.allowed_origins"
    return ApiError(403, message, code="origin_not_allowed")


def is_local_name(name: str) -> bool:
    """Whether a host name means this machine to every browser."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_our_host(host: str, hosts: Sequence[str]) -> bool:
    name = _host_name(f"//{host}")
    if name is None:
        return False
    # Addresses and names without a dot cannot be rebound from outside: no public name server answers for them.
    return _is_address(name) or "." not in name or is_local_name(name) or any(_matches(name, each) for each in hosts)


def _is_our_origin(origin: str, host: str, origins: Sequence[str]) -> bool:
    if "*" in origins or origin in origins:
        return True
    name = _host_name(origin)
    if name is None:
        return False
    return is_local_name(name) or origin.partition("//")[2] == host


def _host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _matches(name: str, pattern: str) -> bool:
    return pattern in ("*", name) or (pattern.startswith("*.") and name.endswith(pattern[1:]))
