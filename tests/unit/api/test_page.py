"""What the page may do, and what it is told before a call."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from voicechat.api.app import create_app
from voicechat.api.lifecycle import Phase
from voicechat.api.page import Reach, content_security_policy, reach_of
from voicechat.api.services import Services
from voicechat.settings import Settings


def test_the_door_tells_how_far_the_models_are(services: Services, tmp_path: Path) -> None:
    client = TestClient(create_app(services, tmp_path), base_url="http://127.0.0.1:8080")
    services.lifecycle.loaded(2, 3)
    loading = client.get("/api/door").json()
    services.lifecycle.move(Phase.SERVING)
    serving = client.get("/api/door").json()

    assert loading["status"] == "loading"
    assert loading["progress"] == pytest.approx(2 / 3)
    assert serving == {"status": "serving", "progress": 1.0, "rooms": False, "key_required": False, "full": False}


def test_a_page_reaches_its_own_server_and_is_framed_by_nobody() -> None:
    policy = content_security_policy().split("; ")

    assert "connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    ("url", "origins"),
    [
        ("ws://127.0.0.1:7880", ("ws://127.0.0.1:7880", "http://127.0.0.1:7880")),
        ("wss://example.org:8444/rtc", ("wss://example.org:8444", "https://example.org:8444")),
    ],
)
def test_a_page_reaches_livekit_where_rooms_are_on(url: str, origins: tuple[str, ...]) -> None:
    livekit = {"url": "ws://livekit:7880", "public_url": url, "api_key": "k", "api_secret": "s" * 32}
    reach = reach_of(Settings.model_validate({"livekit": livekit, "server": {"embedders": ["https://shop.example"]}}))

    assert reach == Reach(origins, ("https://shop.example",))
    policy = content_security_policy(reach=reach).split("; ")
    assert " ".join(("connect-src 'self'", *origins)) in policy
    assert "frame-ancestors https://shop.example" in policy


def test_rooms_that_are_off_are_not_reached() -> None:
    assert reach_of(Settings.model_validate({"livekit": {"url": "ws://livekit:7880"}})) == Reach()
