"""What lets a person into one room, for minutes, with an agent sent along."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from livekit import api

from voicechat.transports.rooms.names import new_room_name
from voicechat.transports.rooms.order import Order
from voicechat.transports.rooms.server import LiveKitServer

EMPTY_TIMEOUT_S = 60
"""How long LiveKit keeps a room that nobody entered, s."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A room, who enters it, and the token that lets them."""

    room: str
    identity: str
    name: str
    token: str


def issue_ticket(
    server: LiveKitServer, order: Order, *, ttl_s: float, departure_timeout_s: float, name: str, room: str | None = None
) -> Ticket:
    """A ticket for `room`, or a new one. Its grants: enter that room, send a microphone and data, hear.

    `departure_timeout_s`: how long LiveKit keeps the room once everybody has left.
    """
    room = room or new_room_name()
    identity = f"person-{secrets.token_hex(6)}"
    grants = api.VideoGrants(
        room_join=True,
        room=room,
        can_publish=True,
        can_publish_sources=["microphone"],
        can_subscribe=True,
        can_publish_data=True,
        can_update_own_metadata=False,
    )
    config = api.RoomConfiguration(
        agents=[api.RoomAgentDispatch(agent_name=server.agent_name, metadata=order.encode())],
        empty_timeout=EMPTY_TIMEOUT_S,
        departure_timeout=round(departure_timeout_s),
    )
    token = (
        api.AccessToken(server.api_key, server.api_secret)
        .with_identity(identity)
        .with_name(name)
        .with_ttl(timedelta(seconds=ttl_s))
        .with_grants(grants)
        .with_room_config(config)
        .to_jwt()
    )
    return Ticket(room, identity, name, token)
