"""How a benchmark tells its result: JSON for programs, a table on standard error for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from voicechat.bench.machine import CpuTimes, machine_spec

_PLAIN_WIDTH = 140


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure and what it must reach."""

    what: str
    value: float | None
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        """None where there is no figure."""
        if self.value is None:
            return None
        low = self.at_least is None or self.value >= self.at_least
        return low and (self.at_most is None or self.value <= self.at_most)

    def as_json(self) -> dict[str, Any]:
        """With the verdict."""
        bar = {"at_most": self.at_most} if self.at_most is not None else {"at_least": self.at_least}
        return {"what": self.what, "value": self.value, **bar, "met": self.met}


class Measuring:
    """One run: notes the machine before it, and what ran on it meanwhile."""

    def __init__(self, bench: str, options: dict[str, Any]) -> None:
        self._head = {"bench": bench, "machine": machine_spec(), "options": options}
        self._before = CpuTimes.now()

    def report(self, bars: Iterable[Bar], **results: Any) -> dict[str, Any]:
        """The whole report."""
        return {
            **self._head,
            "cpu_meanwhile": CpuTimes.now().since(self._before),
            "bars": [bar.as_json() for bar in bars],
            **results,
        }


def write_report(report: dict[str, Any], output: Path | None) -> None:
    """To the file `output`, or to standard output; the bars as a table to standard error."""
    text = json.dumps(report, indent=1, ensure_ascii=False)
    if output is None:
        sys.stdout.write(text + "\n")
    else:
        output.write_text(text + "\n", "utf-8")
    if report["bars"]:
        rows = [(bar["what"], _number(bar["value"]), _bar(bar), _verdict(bar["met"])) for bar in report["bars"]]
        show_table("Bars", ("what", "measured", "bar", "met"), rows)
    machine, meanwhile = report["machine"], report["cpu_meanwhile"]
    _console().print(
        f"{machine['cpu']}, {machine['cores']} cores, steal {meanwhile['steal_percent']} %, "
        f"load before {machine['load_average'][0]}",
        style="dim",
        highlight=False,
    )


def show_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on standard error; every column but the first is right-aligned."""
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(header):
        table.add_column(column, justify="right" if index else "left")
    for row in rows:
        table.add_row(*row)
    _console().print(table)


def progress(text: str) -> None:
    """One line on standard error."""
    _console().print(text, style="dim", highlight=False)


def _console() -> Console:
    console = Console(stderr=True)
    return console if console.is_terminal else Console(stderr=True, width=_PLAIN_WIDTH)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _bar(bar: dict[str, Any]) -> str:
    return f"<= {bar['at_most']:g}" if "at_most" in bar else f">= {bar['at_least']:g}"


def _verdict(met: bool | None) -> str:
    return {True: "yes", False: "no", None: "-"}[met]
