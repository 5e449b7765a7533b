from __future__ import annotations

import socket

import pytest

from voicechat.settings import WorkerSettings
from voicechat.tts.registration import advertised_address

HERE = socket.gethostname()


@pytest.mark.parametrize(
    ("host", "given", "address"),
    [
        ("127.0.0.1", "", "127.0.0.1:7001"),
        ("::1", "", "[::1]:7001"),
        ("0.0.0.0", "", f"{HERE}:7001"),
        ("::", "", f"{HERE}:7001"),
        ("0.0.0.0", "10.0.0.7", "10.0.0.7:7001"),
        ("0.0.0.0", "tts.example.org:443", "tts.example.org:443"),
        ("0.0.0.0", "[fd00::7]", "[fd00::7]:7001"),
        ("0.0.0.0", "[fd00::7]:443", "[fd00::7]:443"),
    ],
)
def test_a_worker_advertises_what_others_can_connect_to(host: str, given: str, address: str) -> None:
    assert advertised_address(WorkerSettings(host=host, advertise_address=given), 7001) == address
