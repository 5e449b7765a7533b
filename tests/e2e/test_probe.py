"""The synthetic caller, as an operator runs it against a product that works, and against none."""

from __future__ import annotations

import json
import re
import subprocess
import time

import httpx
from support.stack import VOICECHAT, Stack, free_port


def test_a_question_is_spoken_understood_and_answered(stack: Stack) -> None:
    done = subprocess.run(
        [VOICECHAT, "probe", "--once", "--url", stack.url, "--timeout", "60"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    result = json.loads(done.stdout)
    assert (done.returncode, result["outcome"]) == (0, "ok"), done.stdout + done.stderr
    assert result["heard"] >= 0.6
    assert 0 < result["first_audio_s"] < result["took_s"]
    assert result["detail"]


def test_its_calls_are_metrics_and_a_server_that_is_gone_is_no_success() -> None:
    port = free_port()
    nowhere = f"http://127.0.0.1:{free_port()}"
    probe = subprocess.Popen([VOICECHAT, "probe", "--url", nowhere, "--metrics-port", str(port)])
    try:
        shown = wait_for_metric(port, r'voicechat_probe_calls_total\{outcome="unreachable"\} 1\.0')
        assert "voicechat_probe_success 0.0" in shown
    finally:
        probe.terminate()
        assert probe.wait(30) == 0


def wait_for_metric(port: int, pattern: str, timeout_s: float = 60.0) -> str:
    deadline = time.monotonic() + timeout_s
    shown = ""
    while time.monotonic() < deadline:
        try:
            shown = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
        except httpx.TransportError:
            shown = ""
        if re.search(pattern, shown):
            return shown
        time.sleep(0.1)
    raise AssertionError(f"{pattern} was not shown:\n{shown}")
