"""What `voicechat up` shows: one line a service when it is ready, what goes wrong, and the address."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.text import Text

from voicechat.launch.logfile import LogFile
from voicechat.launch.service import Service

NAME_WIDTH = 8
LOUD_LEVELS = {"warning": "yellow", "error": "red", "critical": "red"}
MAX_SHOWN_CHARS = 400


class Screen:
    """The terminal. Whole logs go to the file; warnings and worse are shown as well."""

    def __init__(self, out: Console, errors: Console, log: LogFile) -> None:
        self._out = out
        self._errors = errors
        self._log = log
        self._last_words: dict[str, str] = {}

    @property
    def log_path(self) -> Path:
        """Where everything is written that is not shown."""
        return self._log.path

    def line(self, name: str, state: str, detail: str, style: str = "") -> None:
        """One line about one part."""
        self._out.print(_line(name, state, detail, style), soft_wrap=True)

    def plain(self, text: str) -> None:
        """A line as it is, escape sequences included; for people only, and not for the log."""
        self._out.file.write(f"{text}\n")

    def ready(self, service: Service, pid: int, took_s: float) -> None:
        """The service answers."""
        self.line(service.name, "ready", f"pid {pid}  {service.address}  ({took_s:.1f} s)", "green")

    def died(self, service: Service, pid: int, reason: str, restart_in_s: float | None) -> None:
        """The service ended by itself."""
        what_next = "given up" if restart_in_s is None else f"starting again in {restart_in_s:g} s"
        last_words = self._last_words.pop(service.name, "")
        said = f" ({last_words})" if reason.startswith("exit code") and last_words else ""
        self._warn(service.name, "died", f"pid {pid}  {reason}{said}; {what_next}", "red")
        self._log.write_line(json.dumps({"service": service.name, "event": "died", "pid": pid, "reason": reason}))

    def output(self, service: Service, line: str) -> None:
        """A line that the service wrote."""
        self._log.write_line(line)
        level, text = loudness(line)
        if level in LOUD_LEVELS:
            self._warn(service.name, level, text, LOUD_LEVELS[level])
        self._last_words[service.name] = "" if level in LOUD_LEVELS else text

    def _warn(self, name: str, state: str, detail: str, style: str) -> None:
        first_line = detail.partition("\n")[0]
        self._errors.print(_line(name, state, first_line[:MAX_SHOWN_CHARS], style), soft_wrap=True)


def loudness(line: str) -> tuple[str, str]:
    """Level and text of a log line; empty level where it is not one of our JSON lines."""
    try:
        entry = json.loads(line)
        event = str(entry["event"])
        # Loggers put the cause beside the event.
        cause = entry.get("reason") or entry.get("error")
        return str(entry["level"]).lower(), f"{event}: {cause}" if cause else event
    except (ValueError, TypeError, KeyError):
        return "", line


def _line(name: str, state: str, detail: str, style: str) -> Text:
    return Text.assemble((f"{name:<{NAME_WIDTH}} ", "bold"), (f"{state:<7}", style), " ", detail)
