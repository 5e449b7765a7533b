"""What dies comes back by itself; what is removed comes back from a backup."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from deploy.compose import Installation
from deploy.listener import Door, talk
from deploy.report import Report

BACK_WITHIN_S = 90


@pytest.mark.parametrize("service", ["redis", "livekit", "tts0", "llm", "web", "caddy", "orchestrator"])
def test_a_service_that_dies_comes_back_by_itself(
    installed: Installation, door: Door, report: Report, service: str
) -> None:
    (before,) = installed.inspect([service])
    os.kill(before["State"]["Pid"], signal.SIGKILL)
    begun = time.monotonic()
    while not (_is_new(installed, before) and _answers(door)):
        assert time.monotonic() < begun + BACK_WITHIN_S, f"{service} is not back after {BACK_WITHIN_S} s"
        time.sleep(1)
    report.setdefault("back_after_crash_s", {})[service] = round(time.monotonic() - begun, 1)


def _is_new(installed: Installation, former: dict[str, Any]) -> bool:
    state = installed.container(former["Id"])["State"]
    return bool(state["Running"]) and state["Pid"] != former["State"]["Pid"]


def _answers(door: Door) -> bool:
    try:
        return bool(talk(door))
    except AssertionError:
        return False


def test_everything_comes_back_from_a_backup(
    installed: Installation, door: Door, report: Report, tmp_path: Path
) -> None:
    archive = installed.run("deploy/voicechat", "backup", timeout_s=120).stdout.strip()
    saved = shutil.copy(installed.directory / archive, tmp_path / "saved.tar.gz")
    installed.remove()
    for name in ("secrets", ".env.prod", ".env", "Caddyfile", "configs", "backups"):
        path = installed.directory / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    begun = time.monotonic()
    shutil.copy(saved, installed.directory / "saved.tar.gz")
    installed.run("deploy/voicechat", "restore", "saved.tar.gz", timeout_s=120)
    installed.compose("up", "-d", "--wait", timeout_s=300)
    report["restored_s"] = round(time.monotonic() - begun, 1)
    # The key that was made before opens the door, and the certificate is the one people know.
    assert talk(door)
