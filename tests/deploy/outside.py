"""A machine beyond this one: a network namespace, which packets reach only by being forwarded."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

NAME = "vc-outside"
HERE, THERE = "198.51.100.1", "198.51.100.2"
"""Of TEST-NET-2 (RFC 5737), which is nobody's."""
PORT = 8000
SETUP = f"""
netns add {NAME}
link add {NAME} type veth peer name there netns {NAME}
addr add {HERE}/30 dev {NAME}
link set {NAME} up
-netns {NAME} addr add {THERE}/30 dev there
-netns {NAME} link set there up
-netns {NAME} route add default via {HERE}
"""


@contextmanager
def somebody_outside() -> Iterator[tuple[str, int]]:
    """An address where somebody listens. Root only."""
    _remove()
    try:
        for line in SETUP.strip().splitlines():
            subprocess.run(["ip", *line.split()], check=True, timeout=10)
        serve = [sys.executable, "-m", "http.server", str(PORT), "--directory", "/usr/share/doc"]
        with subprocess.Popen(["ip", "netns", "exec", NAME, *serve], stderr=subprocess.DEVNULL) as server:
            try:
                _until_it_listens()
                yield THERE, PORT
            finally:
                server.terminate()
    finally:
        _remove()


def _until_it_listens() -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection((THERE, PORT), timeout=2).close()
            return
        except OSError:
            assert time.monotonic() < deadline, f"nobody listens at {THERE}"
            time.sleep(0.2)


def _remove() -> None:
    subprocess.run(["ip", "netns", "delete", NAME], stderr=subprocess.DEVNULL, check=False, timeout=10)
    subprocess.run(["ip", "link", "delete", NAME], stderr=subprocess.DEVNULL, check=False, timeout=10)
