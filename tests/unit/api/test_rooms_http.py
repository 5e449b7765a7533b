"""Tokens for rooms and LiveKit's webhook, through the whole app."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import jwt
import pytest
from livekit import api
from starlette.testclient import TestClient

from voicechat.api.services import Services
from voicechat.transports.rooms.order import Order, read_order
from voicechat.transports.rooms.server import LiveKitServer
from voicechat.transports.rooms.tokens import Ticket, issue_ticket
from voicechat.transports.rooms.webhook import read_event

SERVER = LiveKitServer("ws://livekit:7880", "wss://example.org:8444", "key", "s" * 32, "voicechat")
EVENT = {"event": "participant_joined", "room": {"name": "r"}, "participant": {"identity": "ann"}, "new": "later"}


class Rooms:
    """The real tickets and the real check of signatures, without a server."""

    public_url = SERVER.public_url

    def __init__(self) -> None:
        self.noticed: list[str] = []

    def ticket(self, order: Order, name: str, room: str | None) -> Ticket:
        return issue_ticket(SERVER, order, ttl_s=900, departure_timeout_s=35, name=name, room=room)

    def notice(self, body: bytes, authorization: str) -> None:
        self.noticed.append(read_event(SERVER, body, authorization).event)

    async def drain(self, grace_s: float) -> None:
        """Nothing is served."""


@pytest.fixture
def rooms(services: Services) -> Rooms:
    made = Rooms()
    services.rooms.provide(made)
    return made


def details(client: TestClient, **asked: Any) -> dict[str, Any]:
    answer = client.post("/api/connection-details", json=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def claims(token: str) -> dict[str, Any]:
    decoded: dict[str, Any] = jwt.decode(token, SERVER.api_secret, algorithms=["HS256"])
    return decoded


def signed(body: bytes, secret: str = SERVER.api_secret, digest_of: bytes | None = None) -> dict[str, str]:
    digest = base64.b64encode(hashlib.sha256(digest_of or body).digest()).decode()
    token = api.AccessToken(SERVER.api_key, secret).with_sha256(digest).to_jwt()
    return {"Authorization": token, "Content-Type": "application/webhook+json"}


def test_connection_details_come_in_both_spellings(client: TestClient, rooms: Rooms) -> None:
    found = details(client, participant_name="Ann", metadata_of_some_client="ignored")
    assert found["serverUrl"] == found["server_url"] == "wss://example.org:8444"
    assert found["participantToken"] == found["participant_token"]
    assert found["participantName"] == claims(found["participantToken"])["name"] == "Ann"
    assert claims(found["participantToken"])["video"]["room"] == found["roomName"]


def test_a_body_is_not_needed(client: TestClient, rooms: Rooms) -> None:
    assert client.post("/api/connection-details").json()["participantName"].startswith("person-")


def test_a_room_can_be_joined_by_whoever_knows_its_name(client: TestClient, rooms: Rooms) -> None:
    room = details(client)["roomName"]
    joined = details(client, room_name=room)
    assert joined["roomName"] == room
    assert claims(joined["participantToken"])["sub"] != claims(details(client)["participantToken"])["sub"]


@pytest.mark.parametrize("name", ["lobby", "voicechat-short", "voicechat-01234567890123456789/.", "x" * 10_000])
def test_names_that_could_be_guessed_are_refused(client: TestClient, rooms: Rooms, name: str) -> None:
    answer = client.post("/api/connection-details", json={"room_name": name[:1500]})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "room_name")


def test_what_a_conversation_starts_with_travels_in_the_token(client: TestClient, rooms: Rooms) -> None:
    session = {"type": "realtime", "instructions": "Answer in one word."}
    (agent,) = claims(details(client, session=session)["participantToken"])["roomConfig"]["agents"]
    assert read_order(agent["metadata"]) == Order(session=session)


def test_a_session_that_cannot_be_is_refused_at_once(client: TestClient, rooms: Rooms) -> None:
    answer = client.post("/api/connection-details", json={"session": {"type": "realtime", "tools": [{"type": "mcp"}]}})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith("session")


def test_without_livekit_the_answer_says_how_to_have_it(client: TestClient) -> None:
    answer = client.post("/api/connection-details")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "rooms_disabled")
    assert "LIVEKIT_URL" in answer.json()["error"]["message"]


def test_signed_events_are_noticed(client: TestClient, rooms: Rooms) -> None:
    body = json.dumps(EVENT).encode()
    assert client.post("/api/livekit/webhook", content=body, headers=signed(body)).status_code == 200
    assert rooms.noticed == ["participant_joined"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "nonsense"},
        signed(json.dumps(EVENT).encode(), secret="t" * 32),
        signed(b"", digest_of=b"x"),
    ],
    ids=["unsigned", "nonsense", "another key", "another body"],
)
def test_events_of_others_are_refused(client: TestClient, rooms: Rooms, headers: dict[str, str]) -> None:
    answer = client.post("/api/livekit/webhook", content=json.dumps(EVENT).encode(), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_signature")
    assert rooms.noticed == []


@pytest.mark.parametrize("body", [b"no event", b"[1]", b"\xff\xfe"])
def test_signed_nonsense_is_refused(client: TestClient, rooms: Rooms, body: bytes) -> None:
    answer = client.post("/api/livekit/webhook", content=body, headers=signed(body))
    assert answer.status_code == 400
