"""The whole product as its user starts it: one `voicechat up` process and its children."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

VOICECHAT = str(Path(sys.executable).with_name("voicechat"))


def free_port() -> int:
    """A loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Stack:
    """A running `voicechat up`."""

    process: subprocess.Popen[bytes]
    port: int
    ops_port: int
    log: Path

    @property
    def url(self) -> str:
        """The API's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def realtime_url(self) -> str:
        """The Realtime WebSocket's address."""
        return f"ws://127.0.0.1:{self.port}/v1/realtime"

    @property
    def ops_url(self) -> str:
        """The address of health."""
        return f"http://127.0.0.1:{self.ops_port}"

    def child(self, module: str) -> psutil.Process:
        """The child process that runs `python -m module`."""
        for process in psutil.Process(self.process.pid).children(recursive=True):
            if module in process.cmdline():
                return process
        raise LookupError(f"no child runs {module}")

    def wait_until_ready(self, timeout_s: float = 150.0) -> None:
        """Return when a conversation can start, which it says last; raise with its output otherwise."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and self.process.poll() is None:
            if f"http://localhost:{self.port}" in self.log.read_text(errors="replace"):
                return
            time.sleep(0.1)
        raise RuntimeError(f"voicechat up did not get ready:\n{self.log.read_text(errors='replace')}")

    def stop(self) -> int:
        """Ctrl-C, as its user would; returns the exit code."""
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def start_stack(
    log: Path, *arguments: str, wrapper: Sequence[str] = (), environment: dict[str, str] | None = None
) -> Stack:
    """Start `voicechat up` on free ports, with its output in `log`."""
    port, ops_port = free_port(), free_port()
    command = [*wrapper, VOICECHAT, "up", "--port", str(port), "--ops-port", str(ops_port), *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**_clean_environment(), **(environment or {})},
            start_new_session=True,
        )
    return Stack(process, port, ops_port, log)


def talk(
    url: str, recording: Path, *arguments: str, wrapper: Sequence[str] = (), timeout_s: float = 180.0
) -> dict[str, Any]:
    """Run `voicechat talk --input recording --json` and return what it printed."""
    done = subprocess.run(
        [*wrapper, VOICECHAT, "talk", "--url", url, "--input", str(recording), "--json", *arguments],
        capture_output=True,
        timeout=timeout_s,
        env=_clean_environment(),
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"talk ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _clean_environment() -> dict[str, str]:
    """The environment without what would point the product at somebody else's model."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LIVEKIT_"))}
