"""Images stay small, say what they are, and are cheap to check."""

from __future__ import annotations

import json
import re

import pytest
from deploy.compose import Installation

MB = 1_000_000
CHECKS = 20
CHECKED = {"orchestrator": "8081 /health", "tts0": "9090 /health", "llm": "8000 /health"}


@pytest.mark.parametrize(("image", "budget_mb"), [("tts-orchestrator", 750), ("tts-worker", 400)])
def test_an_image_keeps_to_its_budget(installed: Installation, image: str, budget_mb: int) -> None:
    found = json.loads(installed.run("docker", "image", "inspect", f"{image}:prod").stdout)[0]
    assert found["Size"] <= budget_mb * MB
    assert found["Config"]["Labels"]["org.opencontainers.image.title"] == image


@pytest.mark.parametrize("service", CHECKED)
def test_a_health_check_costs_less_than_ten_milliseconds(installed: Installation, service: str) -> None:
    checks = f"time for check in $(seq {CHECKS}); do healthy {CHECKED[service]} || exit 1; done"
    timed = installed.compose("exec", "-T", service, "bash", "-c", checks)
    spent = re.findall(r"(?:user|sys)\s+0m([0-9.]+)s", timed.stderr)
    assert len(spent) == 2
    assert sum(map(float, spent)) / CHECKS < 0.010
