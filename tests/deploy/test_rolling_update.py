"""Workers and orchestrator are replaced while people are served; a newcomer that fails changes nothing."""

from __future__ import annotations

import time
from dataclasses import asdict

from deploy.compose import Installation
from deploy.listener import Door, people
from deploy.report import Report


def _ids(installed: Installation) -> dict[str, str]:
    return {one["Name"]: one["Id"] for one in installed.inspect(["orchestrator", "tts0"])}


def test_an_update_replaces_all_and_is_not_noticed(installed: Installation, door: Door, report: Report) -> None:
    before, begun = _ids(installed), time.monotonic()
    with people(door) as served:
        installed.run("deploy/rolling-update", timeout_s=300)
        report["rolling_update"] = {"took_s": round(time.monotonic() - begun, 1)}
    report["rolling_update"] |= asdict(served)
    assert not set(before.values()) & set(_ids(installed).values())
    assert served.failures == []
    assert served.spoken > 20
    assert served.talked > 5


def test_an_image_that_does_not_work_is_taken_back(installed: Installation) -> None:
    before = _ids(installed)
    tag = "tts-worker:prod"
    image = installed.run("docker", "image", "inspect", "--format", "{{.Id}}", tag).stdout.strip()
    installed.run("docker", "tag", "redis:7.4-alpine", tag)
    failed = installed.run("env", "ROLLING_UPDATE_WAIT_S=10", "deploy/rolling-update", timeout_s=120, check=False)
    assert failed.returncode != 0
    assert _ids(installed) == before
    assert installed.run("docker", "image", "inspect", "--format", "{{.Id}}", tag).stdout.strip() == image
