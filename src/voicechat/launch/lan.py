"""`voicechat up --lan`: the page on phones and tablets of the same network.

Browsers open a microphone only over TLS, so the API gets a certificate of a local authority; and the network is not
this machine, so whoever comes shows a key. The link in the QR code holds it in its fragment, which is sent to nobody.
"""

from __future__ import annotations

import io
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import segno

from voicechat.access.build import key_store
from voicechat.access.keys import Scope, make_key
from voicechat.launch.authority import Certificate, authority_directory, issue, lan_addresses
from voicechat.launch.screen import Screen
from voicechat.settings import Settings

PAIRING_HOURS = 12
ANYWHERE = "0.0.0.0"


class NoNetworkError(Exception):
    """No other device could reach this machine."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """How another device gets in: `link` opens the page with the key."""

    address: str
    token: str
    port: int

    @property
    def link(self) -> str:
        """For a camera."""
        return f"https://{self.address}:{self.port}/#key={self.token}"


def on_the_network(settings: Settings) -> tuple[Settings, Certificate]:
    """`settings` with TLS, reachable by other machines, for those who have a key. Raises `NoNetworkError`."""
    addresses = lan_addresses()
    if not addresses:
        raise NoNetworkError("this machine has no network address that others could reach: connect it, or omit --lan")
    certificate = issue(("localhost", "127.0.0.1", *addresses), authority_directory())
    server = settings.server.model_copy(
        update={"host": ANYWHERE, "tls_certificate": certificate.chain, "tls_private_key": certificate.private_key}
    )
    access = settings.access.model_copy(update={"require_keys": True, "insecure": False})
    return settings.model_copy(update={"server": server, "access": access}), certificate


@asynccontextmanager
async def paired(settings: Settings) -> AsyncIterator[Pairing]:
    """A key for the devices of this run; it is revoked when the context ends, and expires after `PAIRING_HOURS`."""
    now_s = time.time()
    key, token = make_key(f"lan-{int(now_s)}", {Scope.CONVERSE}, now_s, expires_at=now_s + PAIRING_HOURS * 3600)
    store = key_store(settings)
    try:
        await store.add(key)
        try:
            yield Pairing(lan_addresses()[0], token, settings.server.port)
        finally:
            await store.revoke(key.id, time.time())
    finally:
        await store.aclose()


def qr_lines(link: str) -> list[str]:
    """`link` as a QR code of half blocks, for a terminal of either colour."""
    out = io.StringIO()
    segno.make(link, error="l", micro=False).terminal(out, compact=True, border=2)
    return out.getvalue().rstrip("\n").split("\n")


def show_pairing(pairing: Pairing, certificate: Certificate, screen: Screen) -> None:
    """Print the code, the link, and how to be rid of the browser's warning."""
    for line in qr_lines(pairing.link):
        screen.plain(line)
    screen.line("phone", "", f"{pairing.link}", "bold")
    screen.line("trust", "", f"install {certificate.authority} on the device, or accept the browser's warning once")
