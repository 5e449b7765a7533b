"""What each path needs: the one place where a route says which scope opens it.

A path of the API that does not stand here needs an admin's key, so that one that was forgotten is closed.
"""

from __future__ import annotations

from dataclasses import dataclass

from voicechat.access.keys import Scope


@dataclass(frozen=True, slots=True)
class Need:
    """What opens a path: a key with `scope`, or any key; nobody needs one where it is `public`."""

    scope: Scope | None = None
    public: bool = False
    takes_secrets: bool = False


ANY_KEY = Need()
PUBLIC = Need(public=True)
"""The page, the description of the API, and what proves by itself who sends it."""

NEEDS: dict[str, Need] = {
    "/synthesize": Need(Scope.SPEAK),
    "/v1/audio/speech": Need(Scope.SPEAK),
    "/v1/audio/transcriptions": Need(Scope.LISTEN),
    "/v1/audio/translations": Need(Scope.LISTEN),
    "/v1/models": ANY_KEY,
    "/v1/voices": ANY_KEY,
    "/v1/realtime": Need(Scope.CONVERSE, takes_secrets=True),
    "/v1/realtime/client_secrets": Need(Scope.CONVERSE),
    "/api/connection-details": Need(Scope.CONVERSE),
    "/api/door": PUBLIC,
    "/api/livekit/webhook": PUBLIC,
    "/docs": PUBLIC,
    "/openapi.json": PUBLIC,
}
"""By path; what lies below one needs the same unless it stands here itself."""
CLOSED = ("/v1/", "/api/")


def need_of(path: str) -> Need:
    """What opens `path`."""
    place = path.rstrip("/") or "/"
    while place != "/":
        if place in NEEDS:
            return NEEDS[place]
        place = place.rpartition("/")[0] or "/"
    return Need(Scope.ADMIN) if f"{path}/".startswith(CLOSED) else PUBLIC
