"""A real LiveKit server of one's own, with the configuration that is shipped."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from voicechat.launch.ports import free_port

ROOT = Path(__file__).parents[2]
KEY, SECRET = "testkey", "a-secret-of-thirty-two-characters"


@dataclass(slots=True)
class LiveKit:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    address: str = "127.0.0.1"

    @property
    def url(self) -> str:
        return f"ws://{self.address}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What makes an orchestrator use it."""
        return {"LIVEKIT_URL": self.url, "LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}

    def wait_until_ready(self, wrapper: Sequence[str] = (), timeout_s: float = 20.0) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and self.process.poll() is None:
            if self._answers(wrapper):
                return
            time.sleep(0.05)
        raise RuntimeError(f"livekit-server did not get ready:\n{self.log.read_text()}")

    def _answers(self, wrapper: Sequence[str]) -> bool:
        url = f"http://{self.address}:{self.port}/"
        if wrapper:
            return subprocess.run([*wrapper, "curl", "-sfo", "/dev/null", url], check=False).returncode == 0
        try:
            return httpx.get(url, timeout=1).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def livekit_binary() -> str:
    """The server, built once for this user."""
    return subprocess.run([ROOT / "scripts/livekit-server"], check=True, capture_output=True, text=True).stdout.strip()


def start_livekit(
    directory: Path, webhooks: Sequence[str] = (), wrapper: Sequence[str] = (), address: str = "127.0.0.1"
) -> LiveKit:
    """Start a server on free ports; `webhooks` are the addresses that it reports to."""
    port, log = free_port(), directory / "livekit.log"
    config = directory / "livekit.yaml"
    config.write_text(yaml.safe_dump(_on_free_ports(port, webhooks)))
    command = [*wrapper, livekit_binary(), "--config", str(config), "--node-ip", address, "--bind", address]
    environment = {**os.environ, "LIVEKIT_KEYS": f"{KEY}: {SECRET}", "LIVEKIT_WEBHOOK_API_KEY": KEY}
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    return LiveKit(process, port, log, address)


@contextmanager
def running_livekit(directory: Path, webhooks: Sequence[str] = ()) -> Iterator[LiveKit]:
    """A server while the context lasts."""
    server = start_livekit(directory, webhooks)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


def _on_free_ports(port: int, webhooks: Sequence[str]) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((ROOT / "configs/livekit.yaml").read_text())
    config["port"] = port
    config["rtc"]["tcp_port"] = free_port()
    config["prometheus"]["port"] = free_port()
    config["webhook"]["urls"] = list(webhooks)
    return config
