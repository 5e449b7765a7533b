"""People reach the assistant through Caddy's TLS, and only with a key."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from deploy.compose import Installation
from deploy.listener import Door, people, talk
from deploy.report import Report, memory_mib


@pytest.fixture(scope="module")
def https(installed: Installation, authority: str) -> Iterator[httpx.Client]:
    address = f"https://localhost:{installed.ports['WEB_TLS_PORT']}"
    with httpx.Client(base_url=address, verify=ssl.create_default_context(cafile=authority), timeout=30) as client:
        yield client


def test_the_page_comes_with_headers_that_confine_it(https: httpx.Client, installed: Installation) -> None:
    page = https.get("/")
    assert page.status_code == 200
    assert "<html" in page.text
    assert "max-age=" in page.headers["strict-transport-security"]
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert f"connect-src 'self' wss://localhost:{installed.ports['LIVEKIT_TLS_PORT']} " in policy


@pytest.mark.parametrize("path", ["/metrics", "/health", "/metrics/summary"])
def test_metrics_and_health_are_not_public(https: httpx.Client, path: str) -> None:
    assert https.get(path).status_code == 404


def test_without_a_key_the_answer_names_the_header(https: httpx.Client) -> None:
    refused = https.post("/synthesize", json={"text": "Hello"})
    assert refused.status_code == 401
    assert "Authorization" in refused.json()["error"]["message"]


def test_with_a_key_it_speaks(https: httpx.Client, key: str) -> None:
    spoken = https.post("/synthesize", json={"text": "Hello world"}, headers={"Authorization": f"Bearer {key}"})
    assert spoken.status_code == 200
    assert spoken.content[:4] == b"RIFF"
    assert len(spoken.content) > 20_000


def test_health_is_what_the_guide_shows(installed: Installation) -> None:
    body = httpx.get(f"http://127.0.0.1:{installed.ports['OPS_PORT']}/health", timeout=10).json()
    assert body["status"] == "healthy"
    assert body["redis"] is True
    assert body["worker"] is True


def test_a_spoken_question_is_answered_through_tls(door: Door) -> None:
    assert talk(door)


def test_memory_is_reported_while_people_talk(installed: Installation, door: Door, report: Report) -> None:
    with people(door) as served:
        report["memory_in_a_call_mib"] = memory_mib(installed, ("orchestrator", "tts0", "llm", "livekit"))
    assert served.failures == []


def test_a_caller_in_a_room_is_answered(https: httpx.Client, installed: Installation, authority: str, key: str) -> None:
    details = https.post("/api/connection-details", headers={"Authorization": f"Bearer {key}"}).json()
    assert details["serverUrl"] == f"wss://localhost:{installed.ports['LIVEKIT_TLS_PORT']}"
    command = [sys.executable, str(Path(__file__).with_name("room_call.py"))]
    command += [details["serverUrl"], details["participantToken"]]
    environment = os.environ | {"SSL_CERT_FILE": authority, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["heard_s"] > 0.3
