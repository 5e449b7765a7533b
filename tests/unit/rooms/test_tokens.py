"""What a ticket grants."""

from __future__ import annotations

import re

import jwt

from voicechat.transports.rooms.names import ROOM_NAME
from voicechat.transports.rooms.order import Order
from voicechat.transports.rooms.server import LiveKitServer
from voicechat.transports.rooms.tokens import Ticket, issue_ticket

SERVER = LiveKitServer("ws://livekit:7880", "wss://example.org", "key", "s" * 32, "voicechat")


def ticket(room: str | None = None) -> Ticket:
    return issue_ticket(SERVER, Order(key="k1"), ttl_s=900, departure_timeout_s=35, name="Ann", room=room)


def test_a_ticket_grants_one_room_a_microphone_and_nothing_else() -> None:
    given = ticket()
    claims = jwt.decode(given.token, SERVER.api_secret, algorithms=["HS256"])
    assert claims["video"] == {
        "roomJoin": True,
        "room": given.room,
        "canPublish": True,
        "canPublishSources": ["microphone"],
        "canSubscribe": True,
        "canPublishData": True,
        "canUpdateOwnMetadata": False,
    }
    assert set(claims) <= {"video", "sub", "iss", "nbf", "exp", "name", "kind", "metadata", "roomConfig"}


def test_a_ticket_holds_for_a_quarter_of_an_hour() -> None:
    claims = jwt.decode(ticket().token, SERVER.api_secret, algorithms=["HS256"])
    assert claims["exp"] - claims["nbf"] == 900


def test_a_ticket_sends_for_our_agent_with_the_order() -> None:
    claims = jwt.decode(ticket().token, SERVER.api_secret, algorithms=["HS256"])
    (agent,) = claims["roomConfig"]["agents"]
    assert agent == {"agentName": "voicechat", "metadata": '{"key":"k1"}'}


def test_rooms_and_identities_are_not_to_be_guessed() -> None:
    tickets = [ticket() for _ in range(20)]
    assert len({one.room for one in tickets}) == len({one.identity for one in tickets}) == 20
    assert all(re.fullmatch(ROOM_NAME, one.room) for one in tickets)


def test_a_ticket_may_be_for_a_room_that_is_there() -> None:
    assert ticket("voicechat-0123456789012345678901").room == "voicechat-0123456789012345678901"
