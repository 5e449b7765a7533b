"""A certificate authority of this user's own, for phones and tablets on the same network."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import trustme
from platformdirs import user_data_path

CERTIFICATE_DAYS = 397
"""Browsers take no certificate that is valid for longer (CA/Browser Forum baseline requirements, 6.3.2)."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files of a server's certificate, and of the authority that a device may be told to trust. PEM."""

    chain: Path
    private_key: Path
    authority: Path


def authority_directory() -> Path:
    """Where the authority is kept from one start to the next."""
    return user_data_path("voicechat") / "lan"


def issue(names: Iterable[str], directory: Path, now: datetime | None = None) -> Certificate:
    """A certificate for `names`, host names and addresses, by the authority in `directory`, made if need be."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = _authority(directory)
    until = (now or datetime.now(UTC)) + timedelta(days=CERTIFICATE_DAYS)
    issued = authority.issue_cert(*names, common_name="voicechat", not_after=until)
    chain, private_key = directory / "server.pem", directory / "server.key"
    _write_secret(private_key, issued.private_key_pem.bytes())
    chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return Certificate(chain, private_key, directory / "authority.pem")


def _authority(directory: Path) -> trustme.CA:
    certificate, private_key = directory / "authority.pem", directory / "authority.key"
    if certificate.exists() and private_key.exists():
        return trustme.CA.from_pem(certificate.read_bytes(), private_key.read_bytes())
    authority = trustme.CA(organization_name="voicechat", organization_unit_name=socket.gethostname())
    _write_secret(private_key, authority.private_key_pem.bytes())
    certificate.write_bytes(authority.cert_pem.bytes())
    return authority


def _write_secret(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads, from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def lan_addresses() -> list[str]:
    """The IPv4 addresses by which other devices reach this machine, private ones first."""
    found = [
        address.address
        for name, addresses in psutil.net_if_addrs().items()
        if not name.startswith(("lo", "docker", "br-", "veth", "virbr"))
        for address in addresses
        if address.family == socket.AF_INET and not address.address.startswith("169.254.")
    ]
    return sorted(found, key=lambda each: not each.startswith(("192.168.", "10.", "172.")))
