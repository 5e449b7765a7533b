"""Workers come and go while people are served."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict

import pytest
from deploy.compose import Installation
from deploy.listener import Door, people
from deploy.report import Report

KILLED_FOR_S = 10


def _workers(installed: Installation) -> int:
    answer = installed.compose("exec", "-T", "orchestrator", "voicechat", "workers", "--json").stdout
    return len(json.loads(answer))


def _until_workers(installed: Installation, count: int, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while (found := _workers(installed)) != count:
        assert time.monotonic() < deadline, f"{found} workers after {timeout_s} s, not {count}"
        time.sleep(1)


def _scale(installed: Installation, count: int) -> None:
    installed.compose("up", "-d", "--wait", "--no-recreate", "--scale", f"tts0={count}", timeout_s=180)


@pytest.fixture
def scalable(installed: Installation) -> Iterator[Installation]:
    yield installed
    _scale(installed, 1)


def test_more_workers_are_found_and_one_that_dies_is_not_missed(
    scalable: Installation, door: Door, report: Report
) -> None:
    with people(door) as served:
        _scale(scalable, 3)
        _until_workers(scalable, 3)
        victim = scalable.inspect(["tts0"])[0]["Id"]
        scalable.run("docker", "kill", victim)
        _until_workers(scalable, 2)
        time.sleep(KILLED_FOR_S)
    report["scale_and_kill"] = asdict(served)
    assert served.failures == []
    assert served.spoken > 10
    scalable.run("docker", "start", victim)
    _until_workers(scalable, 3)
