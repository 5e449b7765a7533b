"""The orchestrator as a process: it listens at once, tells the truth about itself, and ends when asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.orchestrator import OrchestratorProcess

CONFIG = """
server: {host: 127.0.0.1, port: 0, health_check_port: 0, shutdown_grace_s: 2}
tts: {worker_address: "127.0.0.1:1", connect_timeout_s: 0.3}
llm: {mind: openai, base_url: "http://127.0.0.1:1/v1", model: nobody, api_key: none}
"""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[OrchestratorProcess]:
    made = OrchestratorProcess(tmp_path, CONFIG)
    yield made
    made.kill()


def test_without_a_worker_it_lives_is_not_ready_and_says_why(process: OrchestratorProcess) -> None:
    port, ops_port = process.ports()
    ops = f"http://127.0.0.1:{ops_port}"
    assert httpx.get(f"{ops}/liveness").json()["status"] == "alive"
    readiness = httpx.get(f"{ops}/readiness", timeout=10)
    assert (readiness.status_code, readiness.json()["worker"]) == (503, False)
    assert "voicechat worker" in readiness.json()["checks"]["worker"]["error"]
    answer = httpx.post(f"http://127.0.0.1:{port}/synthesize", json={"text": "Hello."}, timeout=10)
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    assert process.stop() == 0


def test_conversations_can_start_where_they_are_written_down_too(tmp_path: Path) -> None:
    process = OrchestratorProcess(tmp_path, CONFIG + f"retention: {{conversation_log: {tmp_path / 'kept'}}}\n")
    try:
        process.wait_for("conversations can start")
        assert process.stop() == 0
    finally:
        process.kill()


def test_a_port_that_is_taken_stops_the_start_with_its_name(process: OrchestratorProcess, tmp_path: Path) -> None:
    port, _ = process.ports()
    (tmp_path / "other").mkdir()
    second = OrchestratorProcess(tmp_path / "other", CONFIG.replace("port: 0,", f"port: {port},", 1))
    assert second.popen.wait(60) == 1
    assert "server.port" in second.log.read_text()
