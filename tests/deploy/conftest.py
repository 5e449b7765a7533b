"""One installation for all tests: started once, as an operator does it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from deploy.compose import Installation

START_TIMEOUT_S = 300


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Everything of the profile piper, with the small language model, healthy."""
    installation = Installation.copied(tmp_path_factory.mktemp("deploy") / "full-duplex-voice-chat")
    installation.initialise(OPENAI_BASE_URL="http://llm:8000/v1", COMPOSE_PROFILES="piper,local-llm")
    installation.remove()
    try:
        installation.compose("up", "-d", "--wait", timeout_s=START_TIMEOUT_S)
        yield installation
    finally:
        print(installation.compose("logs", "--no-color", "--tail", "30", check=False).stdout)
        installation.remove()


@pytest.fixture(scope="session")
def key(installed: Installation) -> str:
    """The first API key, made in the running container."""
    command = ("exec", "-T", "orchestrator", "voicechat", "keys", "create", "first")
    return installed.compose(*command).stdout.strip()


@pytest.fixture(scope="session")
def authority(installed: Installation, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Caddy's own certificate authority, as a file."""
    root = installed.compose("exec", "-T", "caddy", "cat", "/data/caddy/pki/authorities/local/root.crt").stdout
    path = tmp_path_factory.mktemp("authority") / "root.crt"
    path.write_text(root)
    return str(path)
