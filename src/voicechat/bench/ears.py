"""The quick ears against faster-whisper's own transcription: the words of a person, and how soon they are there.

Words are compared in simulated time: the ears are fed 20 ms at a time, and each decode is done before the next 20 ms,
so that guesses are made as early as they ever are. Times are taken in real time, one system after the other on the same
utterance. Each result is a line of a file, so that a run that was ended goes on where it was; lines that other code or
another model made are not counted.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from voicechat import asr
from voicechat.bench.ears_cases import Case, Selection, timed_cases, word_cases
from voicechat.bench.ears_listen import SYSTEMS, Row, Task, listen_for_times, listen_for_words
from voicechat.bench.ears_report import ears_report
from voicechat.bench.report import Measuring, progress
from voicechat.settings import Settings

_PROGRESS_EVERY = 100


class EarsBenchError(Exception):
    """The bench was ended before it was done; the text says what to do."""


@dataclass(frozen=True, slots=True)
class EarsOptions:
    """What is measured, on how many processes, for how long at most, and where the results are kept meanwhile."""

    chosen: Selection
    processes: int
    seconds: float
    rows: Path


def run_ears(settings: Settings, options: EarsOptions) -> dict[str, Any]:
    """Go on with the run; the report once every line is there. Raises `EarsBenchError` when time is up before."""
    measuring = Measuring("ears", {"model": settings.asr.model, **asdict(options.chosen)})
    deadline = time.monotonic() + options.seconds
    makers = {system: _maker(system, settings, options.chosen) for system in SYSTEMS}
    words = [Task(system, case, makers[system]) for case in word_cases(options.chosen) for system in SYSTEMS]
    timed = list(_alternating(timed_cases(options.chosen), makers))
    found = {_key(row): row for row in _read(options.rows) if row["made_by"] == makers[row["system"]]}
    to_hear, to_time = ([task for task in tasks if task.key not in found] for tasks in (words, timed))
    with (
        closing(listen_for_words(settings, to_hear, options.processes)) as heard,
        closing(listen_for_times(settings, to_time, options.chosen.endpoint_s)) as times,
    ):
        for row in _kept(chain(heard, times), options.rows, deadline):
            found[_key(row)] = row
    if missing := sum(task.key not in found for task in (*words, *timed)):
        raise EarsBenchError(f"{missing} recognitions are left: run the same command again to go on")
    return ears_report(measuring, [found[task.key] for task in (*words, *timed)])


def _kept(rows: Iterator[Row], path: Path, deadline: float) -> Iterator[Row]:
    """Rows as they come, each written down, until the deadline."""
    with path.open("a", encoding="utf-8") as file:
        for index, row in enumerate(rows, start=1):
            file.write(json.dumps(row) + "\n")
            file.flush()
            yield row
            if index % _PROGRESS_EVERY == 0:
                progress(f"{index} recognitions, the last of {row['part']}")
            if time.monotonic() > deadline:
                return


def _alternating(cases: Sequence[Case], makers: dict[str, str]) -> Iterator[Task]:
    """What comes first alternates, so that neither profits from a warm cache."""
    for index, case in enumerate(cases):
        for system in sorted(SYSTEMS, reverse=bool(index % 2)):
            yield Task(system, case, makers[system])


def _maker(system: str, settings: Settings, chosen: Selection) -> str:
    """A digest of what decides the words: the ears' own code, the libraries, the model, the end of the audio."""
    source = Path(asr.__path__[0])
    files = sorted(source.rglob("*.py")) if system == "quick" else [source / "engines" / "whisper_full.py"]
    libraries = [f"{name} {version(name)}" for name in ("faster-whisper", "ctranslate2")]
    conditions = json.dumps([libraries, settings.asr.model, chosen.endpoint_s]).encode()
    return hashlib.sha256(b"".join([conditions, *(file.read_bytes() for file in files)])).hexdigest()[:12]


def _key(row: Row) -> tuple[str, str, str]:
    return row["system"], row["part"], row["name"]


def _read(rows: Path) -> list[Row]:
    if not rows.exists():
        return []
    return [json.loads(line) for line in rows.read_text("utf-8").splitlines() if line.endswith("}")]
