from __future__ import annotations

import pytest

from voicechat.client.realtime import Address


@pytest.mark.parametrize(
    ("given", "called"),
    [
        ("https://voice.example.org", "wss://voice.example.org/v1/realtime"),
        ("http://127.0.0.1:8080/", "ws://127.0.0.1:8080/v1/realtime"),
        ("ws://127.0.0.1:8080", "ws://127.0.0.1:8080/v1/realtime"),
        ("ws://127.0.0.1:8080/v1/realtime?model=voicechat", "ws://127.0.0.1:8080/v1/realtime?model=voicechat"),
        ("wss://gateway.example.org/voice/realtime", "wss://gateway.example.org/voice/realtime"),
    ],
)
def test_conversations_are_held_where_the_server_is(given: str, called: str) -> None:
    assert Address(given).realtime_url == called
