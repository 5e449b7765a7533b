"""The commands that operators type."""

from __future__ import annotations

import json
import subprocess

from support.stack import Stack

from voicechat.audio.pcm import rms_dbfs
from voicechat.audio.wav import read_audio


def _curl(*arguments: str) -> tuple[int, bytes]:
    done = subprocess.run(
        ["curl", "-s", "-w", "%{stderr}%{http_code}", *arguments], capture_output=True, timeout=60, check=True
    )
    return int(done.stderr), done.stdout


def _synthesize(stack: Stack, model: str) -> tuple[int, bytes]:
    body = json.dumps({"text": "Hello world", "model": model})
    return _curl("-X", "POST", f"{stack.url}/synthesize", "-H", "Content-Type: application/json", "-d", body)


def test_the_default_voice_is_spoken_as_wav(stack: Stack) -> None:
    status, body = _synthesize(stack, "piper-en-us-joe-medium")
    pcm, rate = read_audio(body)
    assert status == 200
    assert 0.4 < pcm.size / rate < 3
    assert rms_dbfs(pcm) > -40


def test_a_voice_without_files_names_the_command_that_fetches_it(stack: Stack) -> None:
    status, body = _synthesize(stack, "piper-en-us-lessac-medium")
    assert 400 <= status < 500
    assert "voicechat models pull piper-en-us-lessac-medium" in json.loads(body)["error"]["message"]


def test_health_says_what_was_asked_and_what_is_not_configured(stack: Stack) -> None:
    status, body = _curl(f"{stack.ops_url}/health")
    health = json.loads(body)
    assert status == 200
    assert health.pop("uptime_seconds") > 0
    assert health == {
        "status": "healthy",
        "redis": None,
        "worker": True,
        "checks": {"redis": None, "worker": {"ok": True, "error": None}},
    }


def test_readiness_has_the_shape_of_health(stack: Stack) -> None:
    status, body = _curl(f"{stack.ops_url}/readiness")
    assert status == 200
    assert json.loads(body).keys() == {"status", "uptime_seconds", "redis", "worker", "checks"}


def test_liveness_says_alive(stack: Stack) -> None:
    status, body = _curl(f"{stack.ops_url}/liveness")
    assert status == 200
    assert json.loads(body).keys() == {"status", "uptime_seconds"}
    assert json.loads(body)["status"] == "alive"
