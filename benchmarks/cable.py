"""Two network namespaces and a cable between them that is a thread of this process: it can lose and delay what goes by.

It does in user space what `tc netem` does where the kernel has it. Root only, and `/dev/net/tun`.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
"""linux/if_tun.h"""
MAX_PACKET_BYTES = 65_536
IDLE_S = 0.2
PROTOCOL_BYTE, UDP = 9, 17
"""Of an IPv4 header: RFC 791."""


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to the UDP of each direction, packet by packet. TCP goes through as it is.

    Attributes:
        loss: Share of packets that never arrive.
        delay_ms: Mean of the delay.
        spread_ms: Its standard deviation, normal; packets overtake each other, as with netem.
    """

    loss: float = 0.0
    delay_ms: float = 0.0
    spread_ms: float = 0.0


@dataclass(slots=True)
class Passed:
    """UDP packets that went by."""

    carried: int = 0
    lost: int = 0


class Cable(threading.Thread):
    """Carries packets between two TUN devices until `close`. `weather` may be changed while it does."""

    def __init__(self, ends: tuple[int, int], seed: int = 1) -> None:
        super().__init__(name="cable", daemon=True)
        self.weather = Weather()
        self.passed = Passed()
        self._ends = ends
        self._chance = random.Random(seed)
        self._order = count()
        self._late: list[tuple[float, int, int, bytes]] = []
        self._closing = threading.Event()

    def run(self) -> None:
        """Carry."""
        other = dict(zip(self._ends, reversed(self._ends), strict=True))
        while not self._closing.is_set():
            wait_s = max(0.0, self._late[0][0] - time.monotonic()) if self._late else IDLE_S
            for end in select.select(self._ends, (), (), wait_s)[0]:
                self._take(os.read(end, MAX_PACKET_BYTES), other[end])
            self._deliver(time.monotonic())

    def close(self) -> None:
        """Carry no more."""
        self._closing.set()
        self.join()
        for end in self._ends:
            os.close(end)

    def _take(self, packet: bytes, to: int) -> None:
        if packet[0] >> 4 != 4 or packet[PROTOCOL_BYTE] != UDP:
            os.write(to, packet)
        elif self._chance.random() < self.weather.loss:
            self.passed.lost += 1
        else:
            self.passed.carried += 1
            delay_s = max(0.0, self._chance.gauss(self.weather.delay_ms, self.weather.spread_ms)) / 1000
            heapq.heappush(self._late, (time.monotonic() + delay_s, next(self._order), to, packet))

    def _deliver(self, now_s: float) -> None:
        while self._late and self._late[0][0] <= now_s:
            *_, to, packet = heapq.heappop(self._late)
            os.write(to, packet)


def inside(namespace: str) -> list[str]:
    """What a command begins with that runs in a namespace."""
    return ["ip", "netns", "exec", namespace]


@contextmanager
def cable(first: tuple[str, str], second: tuple[str, str]) -> Iterator[Cable]:
    """Two namespaces that see each other through a cable and nothing else. Each is a name and its IPv4 address."""
    _remove(first[0], second[0])
    ends = (_open_end("cable0"), _open_end("cable1"))
    try:
        for device, (namespace, address), (_, peer) in (("cable0", first, second), ("cable1", second, first)):
            _furnish(namespace, device, address, peer)
        laid = Cable(ends)
        laid.start()
        try:
            yield laid
        finally:
            laid.close()
    finally:
        _remove(first[0], second[0])


def told(weather: Weather, passed: Passed) -> dict[str, Any]:
    """For reports."""
    return {"weather": asdict(weather), "udp_packets": asdict(passed)}


def _open_end(device: str) -> int:
    end = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))
    return end


def _furnish(namespace: str, device: str, address: str, peer: str) -> None:
    _run("ip", "netns", "add", namespace)
    _run("ip", "link", "set", device, "netns", namespace)
    _run(*inside(namespace), "ip", "link", "set", "lo", "up")
    _run(*inside(namespace), "ip", "addr", "add", address, "peer", peer, "dev", device)
    _run(*inside(namespace), "ip", "link", "set", device, "up")


def _remove(*namespaces: str) -> None:
    for namespace in namespaces:
        subprocess.run(("ip", "netns", "del", namespace), check=False, capture_output=True)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
