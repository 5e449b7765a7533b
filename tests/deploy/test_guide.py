"""The commands of the guide work as they are written, or the guide's source says why they are not run."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import pytest
from deploy.compose import ROOT, Installation
from deploy.report import Report

GUIDE = ROOT / "docs" / "PRODUCTION_DEPLOYMENT.md"
BLOCK = re.compile(r"(?:<!-- not run: (?P<reason>.+?) -->\n)?```(?P<language>bash)\n(?P<commands>.*?)```", re.DOTALL)
PORTS = {"localhost:8081": "OPS_PORT", "localhost:8080": "API_PORT"}
"""The test publishes on free ports of a machine that is not its own."""


@dataclass(frozen=True, slots=True)
class Block:
    """Commands of the guide. `reason` is why they are not run."""

    commands: str
    reason: str | None


def _blocks() -> list[Block]:
    return [Block(found["commands"], found["reason"]) for found in BLOCK.finditer(GUIDE.read_text())]


def test_the_guide_has_the_fifteen_sections() -> None:
    assert [int(number) for number in re.findall(r"^## (\d+)\. ", GUIDE.read_text(), re.MULTILINE)] == list(
        range(1, 16)
    )


@pytest.mark.parametrize(
    "block", [block for block in _blocks() if block.reason is None], ids=lambda block: block.commands.split("\n")[0]
)
def test_commands_of_the_guide_work_as_written(installed: Installation, report: Report, block: Block) -> None:
    commands = block.commands
    for address, variable in PORTS.items():
        commands = commands.replace(address, f"localhost:{installed.ports[variable]}")
    begun = time.monotonic()
    installed.run("bash", "-euo", "pipefail", "-c", commands, timeout_s=240)
    report.setdefault("guide_s", {})[block.commands.strip()] = round(time.monotonic() - begun, 1)
