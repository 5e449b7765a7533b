"""Certificates and pairing for devices of the same network."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from voicechat.access.build import key_store
from voicechat.access.keys import ApiKey
from voicechat.launch import lan
from voicechat.launch.authority import CERTIFICATE_DAYS, issue
from voicechat.launch.lan import NoNetworkError, Pairing, on_the_network, paired, qr_lines
from voicechat.settings import AccessSettings, Settings

NAMES = ("localhost", "192.168.7.4")


def _first(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_a_certificate_names_every_address_and_is_short_lived_enough_for_browsers(tmp_path: Path) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    issued = _first(issue(NAMES, tmp_path, now).chain)

    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["192.168.7.4"]
    assert issued.not_valid_after_utc == now + timedelta(days=CERTIFICATE_DAYS)


def test_the_authority_stays_the_same_over_restarts_and_its_secrets_are_its_owners(tmp_path: Path) -> None:
    first = issue(NAMES, tmp_path).authority.read_bytes()
    again = issue(NAMES, tmp_path)

    assert again.authority.read_bytes() == first
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.key")} == {0o600}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(again.chain, again.private_key)


def test_the_network_gets_in_by_tls_and_key_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lan, "authority_directory", lambda: tmp_path)
    monkeypatch.setattr(lan, "lan_addresses", lambda: ["192.168.7.4"])

    settings, certificate = on_the_network(Settings(access=AccessSettings(insecure=True)))

    assert (settings.server.host, settings.server.tls_certificate) == ("0.0.0.0", certificate.chain)
    assert (settings.access.require_keys, settings.access.insecure) == (True, False)


def test_a_machine_without_a_network_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lan, "lan_addresses", list)

    with pytest.raises(NoNetworkError, match="omit --lan"):
        on_the_network(Settings())


def test_a_pairing_ends_with_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lan, "lan_addresses", lambda: ["192.168.7.4"])
    settings = Settings(access=AccessSettings(keys_file=tmp_path / "keys.json"))

    async def run() -> tuple[ApiKey, Pairing, ApiKey]:
        async with paired(settings) as pairing:
            [during] = await key_store(settings).read()
        [after] = await key_store(settings).read()
        return during, pairing, after

    # The file of keys is written in a thread, which virtual time does not wait for.
    during, pairing, after = asyncio.run(run())

    assert during.matches(pairing.token)
    assert pairing.link == f"https://192.168.7.4:8080/#key={pairing.token}"
    assert during.revoked_at is None
    assert after.revoked_at is not None


def test_a_code_is_square_blocks() -> None:
    lines = qr_lines("https://192.168.7.4:8080/#key=vc-0")

    assert len(lines) > 12
    assert any("▀" in line or "▄" in line for line in lines)
