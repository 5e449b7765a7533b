"""The threads that recognise: few, shared by every conversation of a process, finals first."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from enum import IntEnum
from typing import NamedTuple, TypeVar

from voicechat.asr.port import EarsError

T = TypeVar("T")


class Priority(IntEnum):
    """Who is waiting for the words."""

    FINAL = 0  # a person who has finished speaking
    INTERIM = 1  # a person who is speaking
    BULK = 2  # a file


class _Job(NamedTuple):
    priority: Priority
    arrival: int
    settle: Callable[[], None]
    cancel: Callable[[], bool]


class DecodingWorker:
    """Runs jobs in order of priority, then of arrival.

    Its threads keep the normal niceness although recognition stands behind the voice: one that held the interpreter's
    lock and got no processor would stop the event loop. The engine's own threads are the ones to be nice.
    """

    def __init__(self, threads: int = 1, *, max_waiting: int = 256) -> None:
        self._jobs: list[_Job] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._max_waiting = max_waiting
        self._running = 0
        self._closed = False
        self._threads = [threading.Thread(target=self._run, name=f"ears-{i}", daemon=True) for i in range(threads)]
        for thread in self._threads:
            thread.start()

    @property
    def idle(self) -> bool:
        """Whether a job would start at once."""
        with self._changed:
            return not self._jobs and self._running < len(self._threads)

    def submit(self, priority: Priority, job: Callable[[], T]) -> Future[T]:
        """Queue a job. Raises `EarsError` when too many wait, or after `close`."""
        future: Future[T] = Future()
        with self._changed:
            if self._closed:
                raise EarsError("the ears are closed: nothing more is recognised")
            if len(self._jobs) >= self._max_waiting:
                raise EarsError(f"{self._max_waiting} recognitions wait already: try again when fewer people speak")
            entry = _Job(priority, next(self._order), lambda: _settle(future, job), future.cancel)
            heapq.heappush(self._jobs, entry)
            self._changed.notify()
        return future

    def close(self) -> None:
        """Cancel what waits and end the threads after the jobs in progress."""
        with self._changed:
            self._closed = True
            for job in self._jobs:
                job.cancel()
            self._jobs.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (settle := self._take()) is not None:
            settle()
            with self._changed:
                self._running -= 1

    def _take(self) -> Callable[[], None] | None:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._jobs) or self._closed)
            if not self._jobs:
                return None
            self._running += 1
            return heapq.heappop(self._jobs).settle


class InlineWorker(DecodingWorker):
    """Does each job before it returns: for time that is simulated, where nobody waits."""

    def __init__(self) -> None:
        super().__init__(threads=0)

    @property
    def idle(self) -> bool:
        """Always."""
        return True

    def submit(self, priority: Priority, job: Callable[[], T]) -> Future[T]:
        """Do it now."""
        future: Future[T] = Future()
        _settle(future, job)
        return future


def _settle(future: Future[T], job: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(job())
    except EarsError as error:
        future.set_exception(error)
    except Exception as error:
        future.set_exception(EarsError(f"recognition failed ({type(error).__name__}: {error}); see the log"))
