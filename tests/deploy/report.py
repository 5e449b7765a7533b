"""What the tests measured on the way, as a file: DEPLOY_REPORT names it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.compose import Installation

Report = dict[str, Any]


def write_report(report: Report) -> None:
    """Where somebody asked for it."""
    if path := os.environ.get("DEPLOY_REPORT"):
        Path(path).write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")


def healthy_after_s(container: dict[str, Any]) -> float:
    """From the start of a container to the first check of its last five that found it well."""
    checks = [check for check in container["State"]["Health"]["Log"] if check["ExitCode"] == 0]
    return round((_moment(checks[0]["End"]) - _moment(container["State"]["StartedAt"])).total_seconds(), 1)


def confinement(container: dict[str, Any]) -> dict[str, Any]:
    """What confines a container, as the engine sees it."""
    host = container["HostConfig"]
    return {
        "user": container["Config"]["User"],
        "read_only": host["ReadonlyRootfs"],
        "capabilities": host["CapAdd"] or [],
        "memory_mib": host["Memory"] >> 20,
        "cores": host["NanoCpus"] / 1e9,
        "processes": host["PidsLimit"],
        "networks": sorted(container["NetworkSettings"]["Networks"]),
        "health": container["State"]["Health"]["Status"],
    }


def memory_mib(installed: Installation, services: Sequence[str]) -> dict[str, float]:
    """What each container of a service holds now."""
    ids = [container["Id"] for container in installed.inspect(services)]
    lines = installed.run("docker", "stats", "--no-stream", "--format", "{{json .}}", *ids).stdout.splitlines()
    found = map(json.loads, lines)
    return {one["Name"]: _mib(one["MemUsage"].split("/")[0].strip()) for one in found}


def _mib(text: str) -> float:
    units = {"KiB": 1 / 1024, "MiB": 1, "GiB": 1024, "B": 1 / 1024**2}
    unit = next(unit for unit in units if text.endswith(unit))
    return round(float(text.removesuffix(unit)) * units[unit], 1)


def _moment(text: str) -> datetime:
    """RFC 3339 with nanoseconds, of which Python knows a thousandth."""
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{seconds}.{fraction[:6].ljust(6, '0')}+00:00")
