"""Images stay small, say what they are, and are cheap to check."""

from __future__ import annotations

import json
import re

import pytest
from deploy.compose import Installation
from deploy.report import Report

MB = 1_000_000
CHECKS = 20
CHECKED = {"orchestrator": "8081 /health", "tts0": "9090 /health", "llm": "8000 /health"}


@pytest.mark.parametrize(("image", "budget_mb"), [("tts-orchestrator", 750), ("tts-worker", 400)])
def test_an_image_keeps_to_its_budget(installed: Installation, report: Report, image: str, budget_mb: int) -> None:
    found = json.loads(installed.run("docker", "image", "inspect", f"{image}:prod").stdout)[0]
    report.setdefault("image_mb", {})[image] = round(found["Size"] / MB)
    assert found["Size"] <= budget_mb * MB
    assert found["Config"]["Labels"]["org.opencontainers.image.title"] == image


@pytest.mark.parametrize("service", CHECKED)
def test_a_health_check_costs_less_than_ten_milliseconds(installed: Installation, report: Report, service: str) -> None:
    checks = f"time for check in $(seq {CHECKS}); do healthy {CHECKED[service]} || exit 1; done"
    timed = installed.compose("exec", "-T", service, "bash", "-c", checks)
    took = {name: float(seconds) for name, seconds in re.findall(r"(real|user|sys)\s+0m([0-9.]+)s", timed.stderr)}
    cpu_ms = (took["user"] + took["sys"]) / CHECKS * 1000
    report.setdefault("health_check_ms", {})[service] = {"cpu": cpu_ms, "wall": took["real"] / CHECKS * 1000}
    assert cpu_ms < 10
