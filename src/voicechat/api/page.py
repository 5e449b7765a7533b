"""The web page at `/`: files of the exported build, with headers that let it do what it needs and no more."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from voicechat.api.room_service import is_configured
from voicechat.settings import Settings

PAGE_DIRECTORY = Path(__file__).parent / "page"
"""Where the build puts the exported page."""
API_PATHS = ("v1/", "api/")
HASHED_ASSETS = "_next/static/"
"""Files whose names change with their content."""

CSP_HASHES = "csp-hashes.json"
"""Written by the build: the digests of the inline scripts that an exported page starts with."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}

NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>voicechat</title>
<style>body{font:16px system-ui;max-width:40em;margin:4em auto;padding:0 1em}</style>
<h1>voicechat is running</h1>
<p>The page has not been built: run <code>make web</code> and reload.
The API is described at <a href="/docs">/docs</a>.</p></html>
"""


@dataclass(frozen=True, slots=True)
class Reach:
    """Who else the page has to do with.

    Attributes:
        rooms: Addresses of the LiveKit server, which it connects to.
        embedders: Origins whose pages may show it in a frame.
    """

    rooms: tuple[str, ...] = ()
    embedders: tuple[str, ...] = ()


def reach_of(settings: Settings) -> Reach:
    """As the settings have it."""
    livekit = settings.livekit
    url = (livekit.public_url or livekit.url) if is_configured(livekit) else None
    return Reach(_origins_of(url), tuple(settings.server.embedders))


def _origins_of(url: str | None) -> tuple[str, ...]:
    """A WebSocket's origin, and the one that LiveKit's client asks over HTTP why it was refused."""
    if url is None:
        return ()
    scheme, _, rest = url.partition("://")
    host, is_secure = rest.partition("/")[0], scheme in ("wss", "https")
    return (f"wss://{host}", f"https://{host}") if is_secure else (f"ws://{host}", f"http://{host}")


def content_security_policy(script_hashes: Sequence[str] = (), reach: Reach = Reach()) -> str:  # noqa: B008 - frozen
    """What a page may load: its own files, and the inline scripts with these digests; and what it may reach."""
    scripts = " ".join(["'self'", "blob:", *(f"'{digest}'" for digest in script_hashes)])
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src {scripts}",
            "worker-src 'self' blob:",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            " ".join(("connect-src 'self'", *reach.rooms)),
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            " ".join(("frame-ancestors", *(reach.embedders or ("'none'",)))),
        )
    )


class PageFiles(StaticFiles):
    """The files of the page; those with a hash in their name may be kept for ever, the rest must be asked about."""

    def __init__(self, directory: Path, reach: Reach = Reach()) -> None:  # noqa: B008 - frozen
        super().__init__(directory=directory, html=True)
        self._headers = {
            **SECURITY_HEADERS,
            "Content-Security-Policy": content_security_policy(_script_hashes(directory), reach),
        }

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, with its headers; 404 as an API error where no page would look."""
        if path.startswith(API_PATHS):
            raise HTTPException(404)
        response = await super().get_response(path, scope)
        response.headers.update(self._headers)
        is_hashed = path.startswith(HASHED_ASSETS) and response.status_code in (200, 304)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if is_hashed else "no-cache"
        return response


def page_route(directory: Path = PAGE_DIRECTORY, reach: Reach = Reach()) -> BaseRoute:  # noqa: B008 - frozen
    """What answers at `/`: the page, or how to build it."""
    if (directory / "index.html").is_file():
        return Mount("/", PageFiles(directory, reach))
    return Route("/", _not_built)


def html_headers() -> dict[str, str]:
    """Headers of the server's own pages, which run no scripts."""
    return {**SECURITY_HEADERS, "Content-Security-Policy": content_security_policy(), "Cache-Control": "no-cache"}


def _script_hashes(directory: Path) -> list[str]:
    path = directory / CSP_HASHES
    hashes: list[str] = json.loads(path.read_text())["script"] if path.is_file() else []
    return hashes


async def _not_built(_: Request) -> Response:
    return HTMLResponse(NOT_BUILT, headers=html_headers())
