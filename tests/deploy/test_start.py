"""What is wrong before a start: the start stops, and says what mends it."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from deploy.compose import Installation


@pytest.fixture
def fresh(tmp_path: Path) -> Installation:
    """Files on a server, configured, and nothing started."""
    server = Installation.copied(tmp_path / "server")
    server.initialise(OPENAI_BASE_URL="http://llm:8000/v1")
    return server


def _broken(server: Installation) -> dict[str, str]:
    """What the doctor says of it: how to mend it, by subject."""
    said = server.run("deploy/voicechat", "doctor", "--deployment", "--json", check=False)
    findings = json.loads(said.stdout)
    assert said.returncode == any(finding["verdict"] == "fail" for finding in findings)
    return {finding["subject"]: finding["mend"] for finding in findings if finding["verdict"] == "fail"}


@pytest.mark.parametrize(
    ("variable", "sentence"),
    [("LIVEKIT_API_KEY", "Set LIVEKIT_API_KEY in .env.prod"), ("NODE_IP", "Set NODE_IP in .env.prod")],
)
def test_what_is_not_set_stops_compose_with_the_sentence_that_mends_it(
    fresh: Installation, variable: str, sentence: str
) -> None:
    fresh.edit(**{variable: ""})
    refused = fresh.compose("up", "-d", check=False)
    assert refused.returncode != 0
    assert sentence in refused.stderr


def test_a_secret_that_is_missing_stops_compose_and_the_doctor_names_it(fresh: Installation) -> None:
    (fresh.directory / "secrets" / "redis_password").unlink()
    refused = fresh.started_once("redis")
    assert refused.returncode != 0
    assert "secrets/redis_password" in refused.stderr
    assert _broken(fresh) == {"secrets/redis_password": "deploy/voicechat init"}


def test_the_doctor_finds_nothing_broken_in_what_init_made(fresh: Installation) -> None:
    assert _broken(fresh) == {}


def test_the_doctor_finds_weak_secrets_and_taken_ports(fresh: Installation) -> None:
    weak = fresh.directory / "secrets" / "livekit_api_secret"
    weak.unlink()
    weak.write_text("secret")
    with socket.create_server(("127.0.0.1", fresh.ports["WEB_TLS_PORT"])):
        broken = _broken(fresh)
    assert broken.keys() == {"secrets/livekit_api_secret", "WEB_TLS_PORT"}
    assert "set another WEB_TLS_PORT" in broken["WEB_TLS_PORT"]


def test_a_voice_that_nobody_knows_stops_the_worker(installed: Installation) -> None:
    stopped = installed.started_once("tts0", DEFAULT_MODEL="piper-en-us-jo-medium")
    assert stopped.returncode != 0
    assert "piper-en-us-joe-medium" in stopped.stdout + stopped.stderr


def test_without_a_key_and_an_address_the_orchestrator_stops(installed: Installation) -> None:
    stopped = installed.started_once("orchestrator", OPENAI_BASE_URL="")
    assert stopped.returncode != 0
    assert "OPENAI_API_KEY, or OPENAI_BASE_URL" in stopped.stdout + stopped.stderr


def test_the_development_key_of_livekit_stops_the_orchestrator(installed: Installation) -> None:
    stopped = installed.started_once("orchestrator", LIVEKIT_API_KEY="devkey")
    assert stopped.returncode != 0
    assert "devkey" in stopped.stdout + stopped.stderr


def test_a_full_disk_stops_the_worker(installed: Installation) -> None:
    full = ("--tmpfs", "/models:size=1m,mode=1777", "--network", "none")
    stopped = installed.run("docker", "run", "--rm", *full, "tts-worker:prod", check=False)
    assert stopped.returncode != 0
    assert "make room on this machine's disk" in stopped.stderr
