"""Prometheus finds every process of the product, and is confined like it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from deploy.compose import Installation

SERVICES = ("prometheus", "alertmanager", "node-exporter")
JOBS = {"orchestrator", "tts-worker", "livekit", "caddy", "node", "prometheus", "alertmanager"}
FOUND_WITHIN_S = 90


@pytest.fixture(scope="module")
def monitored(installed: Installation) -> Iterator[Installation]:
    """Without Grafana, whose image cannot be made of Debian's packages."""
    installed.compose("up", "-d", "--wait", *SERVICES, file="monitoring", timeout_s=120)
    yield installed
    installed.compose("down", "--volumes", file="monitoring", timeout_s=120)


def _targets(installed: Installation) -> list[dict[str, Any]]:
    address = f"http://127.0.0.1:{installed.ports['PROMETHEUS_PORT']}/api/v1/targets"
    found: list[dict[str, Any]] = httpx.get(address, timeout=10).json()["data"]["activeTargets"]
    return found


def test_every_process_is_scraped(monitored: Installation) -> None:
    deadline = time.monotonic() + FOUND_WITHIN_S
    while time.monotonic() < deadline:
        states = {(target["labels"]["job"], target["health"]) for target in _targets(monitored)}
        if {job for job, health in states if health == "up"} >= JOBS and all(health == "up" for _, health in states):
            return
        time.sleep(2)
    pytest.fail("\n".join(f"{one['scrapeUrl']} {one['health']} {one['lastError']}" for one in _targets(monitored)))


def test_its_containers_are_confined_too(monitored: Installation) -> None:
    for one in monitored.inspect(SERVICES, file="monitoring"):
        host = one["HostConfig"]
        assert one["State"]["Health"]["Status"] == "healthy", one["Name"]
        assert one["Config"]["User"] == "65534:65534"
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert all(
            binding["HostIp"] == "127.0.0.1" for bindings in host["PortBindings"].values() for binding in bindings
        )
