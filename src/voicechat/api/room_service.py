"""The rooms of this process, where LiveKit is configured: loaded beside the models, drained with the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from voicechat.access.access import Use
from voicechat.access.denial import AccessDenied
from voicechat.api.services import Services
from voicechat.conversation.port import ConversationConfig
from voicechat.conversation.tasks import TaskOwner
from voicechat.settings import LiveKitSettings
from voicechat.transports.realtime.connection import initial_config
from voicechat.transports.realtime.errors import ProtocolError

if TYPE_CHECKING:
    from voicechat.transports.rooms.call import House, UntilEnded

MODEL = "gpt-realtime"


def is_configured(settings: LiveKitSettings) -> bool:
    """Whether the settings name a LiveKit server and a key to it."""
    return None not in (settings.url, settings.api_key, settings.api_secret)


def modules_of_rooms(settings: LiveKitSettings) -> Sequence[str]:
    """What rooms import, which takes most of a second."""
    return ("voicechat.transports.rooms.rooms",) if is_configured(settings) else ()


@asynccontextmanager
async def serving_rooms(services: Services) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Serve rooms while the context lasts, where the settings name a LiveKit server; gives what leaves them early."""
    owner = TaskOwner()
    if is_configured(services.settings.livekit):
        owner.start(_serve(services), "rooms")
    try:
        yield owner.aclose
    finally:
        await owner.aclose()


async def _serve(services: Services) -> None:
    livekit, most = services.settings.livekit, services.settings.server.max_sessions
    from voicechat.transports.rooms.rooms import Rooms
    from voicechat.transports.rooms.server import livekit_server

    rooms = Rooms(
        livekit_server(livekit), _house(services), lambda: services.conversations.load, most, livekit.token_ttl_s
    )
    services.rooms.provide(rooms)
    try:
        await rooms.run()
    finally:
        await rooms.aclose()


def _house(services: Services) -> House:
    from voicechat.transports.rooms.call import House, Refused

    async def configure(session: dict[str, Any]) -> ConversationConfig:
        try:
            return (await initial_config(MODEL, session, services.realtime)).conversation
        except ProtocolError as error:
            raise Refused(str(error)) from error

    @asynccontextmanager
    async def admit(key_id: str | None) -> AsyncIterator[UntilEnded]:
        access = services.access
        try:
            caller = access.holder(key_id)
            async with access.admitted(caller, Use.SESSION):
                yield lambda: access.until_ended(caller)
        except AccessDenied as denied:
            raise Refused(str(denied)) from denied

    livekit = services.settings.livekit
    return House(
        conversations=services.conversations,
        configure=configure,
        admit=admit,
        reconnect_grace_s=livekit.reconnect_grace_s,
        join_timeout_s=livekit.join_timeout_s,
    )
