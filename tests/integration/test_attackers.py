"""The table of docs/guides/security.md against a real orchestrator: each is refused as it says, counted and logged."""

from __future__ import annotations

import asyncio
import json
import re
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.orchestrator import OrchestratorProcess
from support.stack import VOICECHAT

from voicechat.access.exposure import ExposedError
from voicechat.access.file_store import FileKeys
from voicechat.access.keys import KeyLimits, Scope, make_key
from voicechat.api.serve import serve
from voicechat.settings import load_settings

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "security.md"
ROW = re.compile(r"^\| ([a-z0-9,' -]+) \| (\d+|dropped) \| `?([a-z_]*)`? \| `([a-z_]+)` \|$", re.MULTILINE)
TABLE: dict[str, tuple[str, str, str]] = {row[0]: row[1:] for row in ROW.findall(GUIDE.read_text())}
CONFIG = """
environment: production
server: {{host: 127.0.0.1, port: 0, health_check_port: 0, shutdown_grace_s: 1, max_body_bytes: 4096,
  max_connections: 100, header_timeout_s: 0.5, body_timeout_s: 0.5}}
access: {{keys_file: {keys}}}
tts: {{worker_address: "127.0.0.1:1", connect_timeout_s: 0.1}}
asr: {{enabled: false}}
logging: {{json_lines: true}}
"""


class Target:
    """The orchestrator, and keys in every state."""

    def __init__(self, directory: Path) -> None:
        self.config = CONFIG.format(keys=directory / "keys.json")
        (directory / "keys.yaml").write_text(self.config)
        self._directory = directory
        self.speak = self.keys("create", "speak", "--scope", "speak").strip()
        self.listen = self._key("listen", Scope.LISTEN)
        self.slow = self._key("slow", limits=KeyLimits(requests_per_minute=1))
        self.expired = self._key("expired", expires_at=time.time())
        self.revoked = self._key("revoked")
        self.process = OrchestratorProcess(directory, self.config)
        self.port, self.ops_port = self.process.ports()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=20)

    def _key(self, name: str, scope: Scope = Scope.SPEAK, **given: Any) -> str:
        key, token = make_key(name, [scope], time.time(), **given)
        asyncio.run(FileKeys(self._directory / "keys.json").add(key))
        return token

    def keys(self, *arguments: str) -> str:
        command = [VOICECHAT, "keys", *arguments, "--config", str(self._directory / "keys.yaml")]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    def speak_with(self, key: str | None) -> httpx.Response:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return self.http.post("/synthesize", json={"text": "Hi."}, headers=headers)

    def counted(self, reason: str) -> float:
        text = httpx.get(f"http://127.0.0.1:{self.ops_port}/metrics").text
        found = re.search(rf'voicechat_admission_rejected_total{{reason="{reason}"}} (\S+)', text)
        return float(found[1]) if found else 0.0

    def logged(self, reason: str) -> bool:
        lines = [json.loads(line) for line in self.process.log.read_text().splitlines() if line.startswith("{")]
        return any(line["event"] == "refused" and line.get("reason") == reason for line in lines)

    def raw(self, sent: bytes) -> httpx.Response:
        """What is answered to bytes after which nothing more comes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(sent)
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        return httpx.Response(int(head.split()[1]), content=body)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    made = Target(tmp_path_factory.mktemp("attacked"))
    yield made
    made.http.close()
    made.process.kill()


def revoked_key(target: Target) -> httpx.Response:
    assert target.speak_with(target.revoked).status_code == 503  # No worker: it got in.
    target.keys("revoke", "revoked")
    deadline = time.monotonic() + 10
    while (answer := target.speak_with(target.revoked)).status_code != 401 and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


def wrong_origin(target: Target) -> httpx.Response:
    headers = {"authorization": f"Bearer {target.speak}", "origin": "https://evil.example"}
    return target.http.post("/synthesize", json={"text": "Hi."}, headers=headers)


def rebound_name(target: Target) -> httpx.Response:
    return target.http.get("/docs", headers={"host": "rebound.example"})


def large_body(target: Target) -> httpx.Response:
    headers = {"authorization": f"Bearer {target.speak}"}
    return target.http.post("/synthesize", content=iter([b"x" * 4000] * 50), headers=headers)


def slow_body(target: Target) -> httpx.Response:
    key = f"Authorization: Bearer {target.speak}\r\n"
    return target.raw(f"POST /synthesize HTTP/1.1\r\nHost: localhost\r\n{key}Content-Length: 99\r\n\r\n{{".encode())


def slow_headers(target: Target) -> httpx.Response:
    return target.raw(b"GET /docs HTTP/1.1\r\nHost: loc")


def too_often(target: Target) -> httpx.Response:
    assert target.speak_with(target.slow).status_code == 503  # No worker: it got in.
    answer = target.speak_with(target.slow)
    assert int(answer.headers["retry-after"]) >= 50
    return answer


def thousand_connections(target: Target) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    held = []
    try:
        for _ in range(1000):
            held.append(socket.create_connection(("127.0.0.1", target.port), timeout=20))
        with httpx.Client(timeout=20) as other:
            assert other.get(f"http://127.0.0.1:{target.port}/docs").status_code == 200
    finally:
        for connection in held:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


ATTACKS: dict[str, Callable[[Target], httpx.Response | None]] = {
    "no key": lambda target: target.speak_with(None),
    "wrong key": lambda target: target.speak_with(target.speak[:-4] + "AAAA"),
    "another service's key": lambda target: target.speak_with("sk-0123456789"),
    "expired key": lambda target: target.speak_with(target.expired),
    "revoked key": revoked_key,
    "wrong scope": lambda target: target.speak_with(target.listen),
    "made-up or expired client secret": lambda target: target.http.get(
        "/v1/realtime", headers={"authorization": "Bearer ek_expired"}
    ),
    "more requests than the key may make": too_often,
    "wrong origin": wrong_origin,
    "name that was pointed at us": rebound_name,
    "oversized body": large_body,
    "slow body": slow_body,
    "slow headers": slow_headers,
    "1,000 connections": thousand_connections,
}


def test_the_table_names_every_attack() -> None:
    assert list(TABLE) == list(ATTACKS)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_counted_and_logged(target: Target, name: str) -> None:
    status, code, reason = TABLE[name]
    before = target.counted(reason)
    answer = ATTACKS[name](target)
    if answer is not None:
        assert (str(answer.status_code), answer.json()["error"]["code"]) == (status, code)
    assert target.counted(reason) > before
    assert target.logged(reason)


def test_after_all_of_it_a_key_still_opens_and_no_token_was_logged(target: Target) -> None:
    assert target.speak_with(target.speak).json()["error"]["code"] == "unavailable"
    log = target.process.log.read_text()
    for token in (target.speak, target.listen, target.slow, target.expired, target.revoked):
        assert token.rpartition("-")[2] not in log
    assert target.process.stop() == 0


async def test_a_public_address_without_keys_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "voicechat.yaml").write_text(
        CONFIG.format(keys=tmp_path / "none.json").replace("host: 127.0.0.1", "host: 0.0.0.0")
    )
    with pytest.raises(ExposedError, match="voicechat keys create"):
        await serve(load_settings(tmp_path / "voicechat.yaml", {}))


def test_a_public_worker_without_a_secret_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "worker.yaml").write_text("worker: {host: 0.0.0.0, port: 0, metrics_port: 0}")
    command = [sys.executable, "-m", "voicechat.tts", str(tmp_path / "worker.yaml")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode != 0
    assert "VOICECHAT_GRPC_SECRET" in ended.stdout + ended.stderr
