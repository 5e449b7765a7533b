from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from voicechat.launch.logfile import LogFile
from voicechat.launch.screen import Screen
from voicechat.launch.service import Service


async def _ready() -> bool:
    return True


VOICE = Service("voice", ("/bin/voice",), {}, "127.0.0.1", 40001, _ready)


@dataclass(frozen=True, slots=True)
class Terminal:
    screen: Screen
    out: io.StringIO
    errors: io.StringIO
    log: Path


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    out, errors = io.StringIO(), io.StringIO()
    with LogFile(tmp_path / "up.log") as log:
        yield Terminal(Screen(Console(file=out), Console(file=errors), log), out, errors, log.path)


def test_a_ready_service_is_one_line_with_pid_and_address(terminal: Terminal) -> None:
    terminal.screen.ready(VOICE, 1234, 1.26)

    assert terminal.out.getvalue() == "voice    ready   pid 1234  127.0.0.1:40001  (1.3 s)\n"


def test_a_death_is_shown_and_logged_with_its_cause(terminal: Terminal) -> None:
    terminal.screen.died(VOICE, 1234, "killed by SIGKILL", 0.2)

    assert terminal.errors.getvalue() == "voice    died    pid 1234  killed by SIGKILL; starting again in 0.2 s\n"
    assert json.loads(terminal.log.read_text())["reason"] == "killed by SIGKILL"


def test_a_service_that_gave_up_by_itself_is_quoted(terminal: Terminal) -> None:
    terminal.screen.output(VOICE, "the port is taken")
    terminal.screen.died(VOICE, 1234, "exit code 2", None)

    assert terminal.errors.getvalue() == "voice    died    pid 1234  exit code 2 (the port is taken); given up\n"


def test_warnings_are_shown_and_everything_is_logged(terminal: Terminal) -> None:
    lines = [
        json.dumps({"level": "info", "event": "model loaded"}),
        json.dumps({"level": "warning", "event": "queue is full", "reason": "8 streams"}),
        "plain text",
    ]
    for line in lines:
        terminal.screen.output(VOICE, line)

    assert terminal.errors.getvalue() == "voice    warning queue is full: 8 streams\n"
    assert terminal.log.read_text().splitlines() == lines


def test_a_warning_of_many_lines_is_shown_as_its_first(terminal: Terminal) -> None:
    terminal.screen.output(VOICE, json.dumps({"level": "error", "event": "broken\n  in many places"}))

    assert terminal.errors.getvalue() == "voice    error   broken\n"


def test_markup_in_a_log_line_is_shown_as_it_is(terminal: Terminal) -> None:
    terminal.screen.output(VOICE, json.dumps({"level": "error", "event": "bad [red]input[/red]"}))

    assert "bad [red]input[/red]" in terminal.errors.getvalue()


def test_a_log_never_grows_past_twice_its_limit(tmp_path: Path) -> None:
    with LogFile(tmp_path / "up.log", max_bytes=1000) as log:
        for number in range(500):
            log.write_line(f"line {number}")

    kept = (tmp_path / "up.log.1").read_text() + (tmp_path / "up.log").read_text()
    assert len(kept) <= 2000
    assert kept.endswith("line 499\n")
