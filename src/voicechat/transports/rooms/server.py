"""The LiveKit server that an installation uses: its addresses, its key, and what can be asked of it over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
from livekit import api

from voicechat.settings import LiveKitSettings
from voicechat.transports.rooms.order import Order
from voicechat.transports.rooms.port import RoomError

Result = TypeVar("Result")

DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class LiveKitServer:
    """Where it is (ws:// or wss://), and the key that opens it. `public_url` is the address for browsers."""

    url: str
    public_url: str
    api_key: str
    api_secret: str
    agent_name: str


def livekit_server(settings: LiveKitSettings) -> LiveKitServer:
    """The server that the settings name. Raises `ValueError` where they name none."""
    if settings.url is None or settings.api_key is None or settings.api_secret is None:
        raise ValueError("livekit.url, livekit.api_key and livekit.api_secret belong together")
    return LiveKitServer(
        url=settings.url,
        public_url=settings.public_url or settings.url,
        api_key=settings.api_key,
        api_secret=settings.api_secret.get_secret_value(),
        agent_name=settings.agent_name,
    )


class RoomOffice:
    """Asks the server about rooms. Every method raises `RoomError` when it does not answer."""

    def __init__(self, server: LiveKitServer) -> None:
        self._server = server
        timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
        self._api = api.LiveKitAPI(server.url, server.api_key, server.api_secret, timeout=timeout, failover=False)

    async def rooms(self) -> list[str]:
        """Names of the rooms that are open."""
        answer = await _asked(self._api.room.list_rooms(api.ListRoomsRequest()))
        return [room.name for room in answer.rooms]

    async def participants(self, room: str) -> list[api.ParticipantInfo]:
        """Who is in a room."""
        answer = await _asked(self._api.room.list_participants(api.ListParticipantsRequest(room=room)))
        return list(answer.participants)

    async def dispatches(self, room: str) -> list[api.AgentDispatch]:
        """How often our agent was sent for, the newest last."""
        found = await _asked(self._api.agent_dispatch.list_dispatch(room_name=room))
        ours = [one for one in found if one.agent_name == self._server.agent_name]
        return sorted(ours, key=lambda one: one.state.created_at)

    async def send_for_agent(self, room: str, order: Order) -> None:
        """Let one of the orchestrators take the room."""
        request = api.CreateAgentDispatchRequest(agent_name=self._server.agent_name, room=room, metadata=order.encode())
        await _asked(self._api.agent_dispatch.create_dispatch(request))

    async def forget_dispatch(self, room: str, dispatch_id: str) -> None:
        """Drop a dispatch whose agent is gone."""
        await _asked(self._api.agent_dispatch.delete_dispatch(dispatch_id, room))

    async def aclose(self) -> None:
        """Release the connections."""
        await self._api.aclose()


async def _asked(question: Awaitable[Result]) -> Result:
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await question
    except (api.TwirpError, aiohttp.ClientError, OSError, TimeoutError) as error:
        raise RoomError(f"LiveKit does not answer as it should: {error or 'no answer in time'}") from error
