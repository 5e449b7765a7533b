"""Rooms that can be asked for before there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from voicechat.api.errors import ApiError
from voicechat.transports.rooms.order import Order

if TYPE_CHECKING:
    from voicechat.transports.rooms.tokens import Ticket

LOADING_RETRY_S = 2.0
HOW_TO_ENABLE = (
    "rooms are off: set livekit.url, livekit.api_key and livekit.api_secret (LIVEKIT_URL, LIVEKIT_API_KEY, "
    "LIVEKIT_API_SECRET)"
)


class Rooms(Protocol):
    """What routes and the end of the process ask of the rooms."""

    @property
    def public_url(self) -> str:
        """Where people's clients connect to."""

    def ticket(self, order: Order, name: str, room: str | None) -> Ticket:
        """Let a person into `room`, or into a new one."""

    def notice(self, body: bytes, authorization: str) -> None:
        """LiveKit's webhook was called. Raises `UnsignedError` or `MalformedError`."""

    async def drain(self, grace_s: float) -> None:
        """Hand over what is served."""


class DeferredRooms:
    """Refuses until `provide` gives the rooms; `expected`: they are on their way."""

    def __init__(self, *, expected: bool = False) -> None:
        self._rooms: Rooms | None = None
        self._refusal = ApiError(404, HOW_TO_ENABLE, code="rooms_disabled")
        if expected:
            message = "rooms are not ready yet; try again in a few seconds"
            self._refusal = ApiError(503, message, code="loading", retry_after_s=LOADING_RETRY_S)

    def refuse(self, code: str, message: str) -> None:
        """There will be none, for this reason."""
        self._rooms = None
        self._refusal = ApiError(503, message, code=code)

    def provide(self, rooms: Rooms) -> None:
        """From now on there are."""
        self._rooms = rooms

    def require(self) -> Rooms:
        """The rooms. Raises `ApiError` while there are none."""
        if self._rooms is None:
            raise self._refusal
        return self._rooms

    async def drain(self, grace_s: float) -> None:
        """Hand over what is served."""
        if self._rooms is not None:
            await self._rooms.drain(grace_s)
