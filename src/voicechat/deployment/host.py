"""The machine of an installation: how much it has to give, and where it is."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

MIB = 1 << 20
KERNEL = Path("/proc/sys/net/ipv4")
ELSEWHERE = ("192.0.2.1", 9)
"""An address of no machine (RFC 5737): asked which way it would go, the system names its own; nothing is sent."""


@dataclass(frozen=True, slots=True)
class Host:
    """What limits are made from. `address` is the one that other machines see, as far as this one knows.

    `lent_ports` are given to whoever asks for any port, but for `reserved_ports`, a list with commas.
    """

    cores: int
    memory_mib: int
    address: str
    lent_ports: range = range(32_768, 61_000)
    reserved_ports: str = ""


def this_host() -> Host:
    """The machine that this process runs on; in a container, with the network of the host."""
    first, last = _kernel("ip_local_port_range", "32768 60999").split()
    return Host(
        cores=os.cpu_count() or 1,
        memory_mib=psutil.virtual_memory().total // MIB,
        address=_address(),
        lent_ports=range(int(first), int(last) + 1),
        reserved_ports=_kernel("ip_local_reserved_ports", ""),
    )


def _kernel(name: str, otherwise: str) -> str:
    """A setting of Linux; elsewhere, what Linux has by default."""
    try:
        return (KERNEL / name).read_text().strip()
    except OSError:
        return otherwise


def _address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
