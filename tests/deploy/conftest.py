"""One installation for all tests: started once, as an operator does it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest
from deploy.compose import Installation
from deploy.listener import Door
from deploy.report import Report, healthy_after_s, memory_mib, write_report

START_TIMEOUT_S = 300
KEY_TIMEOUT_S = 15


@pytest.fixture(scope="session")
def report() -> Iterator[Report]:
    """Takes what tests measure."""
    measured: Report = {}
    yield measured
    write_report(measured)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory, report: Report) -> Iterator[Installation]:
    """Everything of the profile piper, with the small language model, healthy."""
    installation = Installation.copied(tmp_path_factory.mktemp("deploy") / "full-duplex-voice-chat")
    installation.initialise(OPENAI_BASE_URL="http://llm:8000/v1", COMPOSE_PROFILES="piper,local-llm")
    installation.remove()
    try:
        begun = time.monotonic()
        installation.compose("up", "-d", "--wait", timeout_s=START_TIMEOUT_S)
        report["start"] = {"all_s": round(time.monotonic() - begun, 1)}
        report["start"] |= {one["Name"].lstrip("/"): healthy_after_s(one) for one in installation.inspect()}
        report["memory_at_rest_mib"] = memory_mib(installation, ())
        yield installation
    finally:
        print(installation.compose("logs", "--no-color", "--tail", "30", check=False).stdout)
        installation.remove()


@pytest.fixture(scope="session")
def key(installed: Installation) -> str:
    """The first API key, made in the running container."""
    command = ("exec", "-T", "orchestrator", "voicechat", "keys", "create", "first")
    token = installed.compose(*command).stdout.strip()
    models = f"http://127.0.0.1:{installed.ports['API_PORT']}/v1/models"
    deadline = time.monotonic() + KEY_TIMEOUT_S
    while httpx.get(models, headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code == 401:
        assert time.monotonic() < deadline, "the new key is not in force"
        time.sleep(0.5)
    return token


@pytest.fixture(scope="session")
def door(installed: Installation, authority: str, key: str) -> Door:
    """How people come in."""
    return Door.of(installed, authority, key)


@pytest.fixture(scope="session")
def authority(installed: Installation, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Caddy's own certificate authority, as a file."""
    root = installed.compose("exec", "-T", "caddy", "cat", "/data/caddy/pki/authorities/local/root.crt").stdout
    path = tmp_path_factory.mktemp("authority") / "root.crt"
    path.write_text(root)
    return str(path)
