from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from voicechat.launch.ports import PortInUseError, check_free, free_port


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_taken_port_is_refused_by_number_and_option(taken_port: int) -> None:
    with pytest.raises(PortInUseError, match=f"port {taken_port} is in use .* with --port"):
        check_free("127.0.0.1", taken_port, "--port")


def test_an_address_that_is_not_ours_is_refused_by_name() -> None:
    with pytest.raises(PortInUseError, match="cannot listen on 192.0.2.1:8080 .* with --port"):
        check_free("192.0.2.1", 8080, "--port")


def test_port_zero_is_always_free() -> None:
    check_free("127.0.0.1", 0, "--port")


def test_a_free_port_can_be_listened_on() -> None:
    port = free_port()

    assert port < 32_768, "above it, an outgoing connection may take the port first"
    check_free("127.0.0.1", port, "--port")
    socket.create_server(("127.0.0.1", port)).close()
