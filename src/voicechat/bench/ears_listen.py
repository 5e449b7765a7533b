"""How the ears bench listens: for words in simulated time on every core, for times in real time."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from voicechat.asr.port import EARS_RATE_HZ, Ears
from voicechat.bench.ears_cases import Case
from voicechat.bench.hearing import CountingWorker, ears_of, hear, hear_in_real_time, utterance
from voicechat.settings import EarsAdapter, Settings

SYSTEMS = {"quick": EarsAdapter.WHISPER, "full": EarsAdapter.WHISPER_FULL}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """A recording for one system. `made_by` tells its code and model from others."""

    system: str
    case: Case
    made_by: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it one of its kind."""
        return self.system, self.case.part, self.case.name

    def row(self, **found: object) -> Row:
        """The line of its result."""
        case = self.case
        head = {"system": self.system, "part": case.part, "name": case.name, "said": case.said}
        return {**head, **found, "made_by": self.made_by}


def listen_for_words(settings: Settings, tasks: Sequence[Task], processes: int) -> Generator[Row, None, None]:
    """Rows as they are done, by processes of one computing thread each."""
    if not tasks:
        return
    one_thread = settings.model_copy(update={"asr": settings.asr.model_copy(update={"threads": 1})})
    with multiprocessing.get_context("spawn").Pool(processes, _begin, (one_thread,)) as pool:
        yield from pool.imap_unordered(_words, tasks)


def listen_for_times(settings: Settings, tasks: Sequence[Task], endpoint_s: float) -> Generator[Row, None, None]:
    """Rows in the order of the tasks, each at the pace of speech."""
    ears = {system: ears_of(settings, SYSTEMS[system]) for system in {task.system for task in tasks}}
    with asyncio.Runner() as runner:
        for task in tasks:
            pcm, ends_s = utterance(task.case.audio(), endpoint_s)
            timed = runner.run(hear_in_real_time(ears[task.system], pcm, ends_s))
            yield task.row(seconds=pcm.size / EARS_RATE_HZ, **asdict(timed))
        for one in ears.values():
            runner.run(one.aclose())


_begun: list[Settings] = []
"""Of a process that listens for words."""


def _begin(settings: Settings) -> None:
    _begun.append(settings)


@cache
def _simulated(system: str) -> tuple[Ears, CountingWorker]:
    worker = CountingWorker()
    return ears_of(_begun[0], SYSTEMS[system], worker), worker


def _words(task: Task) -> Row:
    ears, worker = _simulated(task.system)
    pcm, before = task.case.audio(), worker.decodes
    text = asyncio.run(hear(ears, pcm))
    return task.row(seconds=pcm.size / EARS_RATE_HZ, text=text, decodes=worker.decodes - before)
