"""An orchestrator process without models: it listens, refuses and counts as the whole one does."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

PORTS = re.compile(r"port\D+(\d+)\D+ops_port\D+(\d+)")


class OrchestratorProcess:
    """`python -m voicechat.api` with the settings of `config`, logging to a file in `directory`."""

    def __init__(self, directory: Path, config: str) -> None:
        path = directory / "voicechat.yaml"
        path.write_text(config)
        self.log = directory / "log"
        with self.log.open("wb") as out:
            self.popen = subprocess.Popen([sys.executable, "-m", "voicechat.api", str(path)], stdout=out, stderr=out)

    def ports(self, timeout_s: float = 60.0) -> tuple[int, int]:
        """The API's and the ops port, once it listens."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and self.popen.poll() is None:
            for line in self.log.read_text().splitlines():
                if "listening" in line and (found := PORTS.search(line)):
                    return int(found[1]), int(found[2])
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def wait_for(self, words: str, timeout_s: float = 60.0) -> None:
        """Until the log says so."""
        deadline = time.monotonic() + timeout_s
        while words not in (told := self.log.read_text()):
            assert time.monotonic() < deadline and self.popen.poll() is None, told
            time.sleep(0.05)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(30)

    def kill(self) -> None:
        """End it, if it has not ended."""
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
