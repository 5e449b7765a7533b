"""Which stream's next piece of work runs when: earliest deadline first, on a fixed number of threads.

A unit is one part of one segment and is never interrupted. REALTIME units go before BULK ones, which get what is left,
and at least a tenth of the time while both wait.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, TypeVar

BULK_SHARE = 0.1
_FIRST_BULK_UNIT_S = 0.25
_T = TypeVar("_T")


class Pace(Enum):
    """Whether somebody is listening."""

    REALTIME = auto()
    BULK = auto()


@dataclass(order=True, slots=True)
class Unit:
    """Work with the time, on the scheduler's clock, by which it should be done."""

    deadline_s: float
    order: int
    pace: Pace = field(compare=False)
    run: Callable[[], Any] = field(compare=False)
    result: Future[Any] = field(compare=False, default_factory=Future)


class RunQueue:
    """The order of units. It keeps no time and no lock: both are its owner's.

    Args:
        threads: How many units run at once; BULK leaves one of them free unless it is the only one.
    """

    def __init__(self, threads: int) -> None:
        self._waiting: dict[Pace, list[Unit]] = {Pace.REALTIME: [], Pace.BULK: []}
        self._bulk_limit = max(1, threads - 1)
        self._bulk_running = 0
        self._owed_s = 0.0
        self._bulk_unit_s = _FIRST_BULK_UNIT_S

    def __len__(self) -> int:
        return sum(len(units) for units in self._waiting.values())

    def add(self, unit: Unit) -> None:
        """Let a unit wait for its turn."""
        heapq.heappush(self._waiting[unit.pace], unit)

    def take(self) -> Unit | None:
        """The unit to run now; None when nothing may."""
        realtime, bulk = self._waiting[Pace.REALTIME], self._waiting[Pace.BULK]
        bulk_may = bool(bulk) and self._bulk_running < self._bulk_limit
        if bulk_may and (not realtime or self._owed_s >= self._bulk_unit_s):
            self._bulk_running += 1
            return heapq.heappop(bulk)
        return heapq.heappop(realtime) if realtime else None

    def done(self, unit: Unit, took_s: float) -> None:
        """A unit that was taken has run for `took_s`."""
        if unit.pace is Pace.BULK:
            self._bulk_running -= 1
            self._bulk_unit_s = took_s
            self._owed_s = max(0.0, self._owed_s - took_s)
        elif self._waiting[Pace.BULK]:
            self._owed_s += took_s * BULK_SHARE / (1 - BULK_SHARE)
        else:
            self._owed_s = 0.0


class Scheduler:
    """Runs units on its own threads, as `RunQueue` orders them.

    Args:
        threads: At least one.
        on_unit: Told the pace and the seconds of each unit, on a worker thread.
    """

    def __init__(self, threads: int, on_unit: Callable[[Pace, float], None] = lambda _pace, _took_s: None) -> None:
        self._queue = RunQueue(threads)
        self._on_unit = on_unit
        self._wake = threading.Condition()
        self._closing = False
        self._orders = itertools.count()
        self._threads = [
            threading.Thread(target=self._work, name=f"synthesis-{index}", daemon=True) for index in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def threads(self) -> int:
        """Units that run at once."""
        return len(self._threads)

    @property
    def waiting(self) -> int:
        """Units that wait for a thread."""
        return len(self._queue)

    def submit(self, run: Callable[[], _T], pace: Pace, deadline_s: float) -> asyncio.Future[_T]:
        """Run `run` in its turn. Cancelling what is returned takes it out of the queue; what has begun ends unheard."""
        unit = Unit(deadline_s, next(self._orders), pace, run)
        with self._wake:
            self._queue.add(unit)
            self._wake.notify()
        return asyncio.wrap_future(unit.result)

    def close(self) -> None:
        """End the threads once the units they run are done. Blocks."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (unit := self._next()) is not None:
            began = time.perf_counter()
            self._run(unit)
            took_s = time.perf_counter() - began
            with self._wake:
                self._queue.done(unit, took_s)
                self._wake.notify()
            self._on_unit(unit.pace, took_s)

    def _next(self) -> Unit | None:
        with self._wake:
            while not self._closing:
                if (unit := self._queue.take()) is not None:
                    return unit
                self._wake.wait()
        return None

    @staticmethod
    def _run(unit: Unit) -> None:
        if not unit.result.set_running_or_notify_cancel():
            return
        try:
            result = unit.run()
        except BaseException as error:
            unit.result.set_exception(error)
        else:
            unit.result.set_result(result)
