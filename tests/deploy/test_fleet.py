"""Workers come and go."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import httpx
import pytest
from deploy.compose import Installation

PROFILES = ("--profile", "piper", "--profile", "local-llm")


def _workers(installed: Installation) -> int:
    answer = installed.compose("exec", "-T", "orchestrator", "voicechat", "workers", "--json").stdout
    return len(json.loads(answer))


def _until_workers(installed: Installation, count: int, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while (found := _workers(installed)) != count:
        assert time.monotonic() < deadline, f"{found} workers after {timeout_s} s, not {count}"
        time.sleep(1)


@pytest.fixture
def two_workers(installed: Installation) -> Iterator[Installation]:
    up = (*PROFILES, "up", "-d", "--wait", "--no-recreate")
    installed.compose(*up, "--scale", "tts0=2", timeout_s=180)
    yield installed
    installed.compose(*up, "--scale", "tts0=1", timeout_s=180)


def test_a_second_worker_is_found_and_one_that_dies_is_not_missed(two_workers: Installation, key: str) -> None:
    _until_workers(two_workers, 2)
    victim = two_workers.inspect(["tts0"])[0]["Id"]
    two_workers.run("docker", "kill", victim)
    spoken = httpx.post(
        f"http://127.0.0.1:{two_workers.ports['API_PORT']}/synthesize",
        json={"text": "Nobody noticed."},
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
    )
    assert spoken.status_code == 200
    two_workers.run("docker", "start", victim)
    _until_workers(two_workers, 2)
