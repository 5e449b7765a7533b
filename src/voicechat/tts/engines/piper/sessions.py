"""Running a graph: on one thread, or on several while the machine has nothing else to do."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy.typing as npt
import onnxruntime

Tensor = npt.NDArray[Any]

TRIALS = 3
"""Runs of each way before one is preferred: the first ones, on memory that was never touched, say little."""
_BELIEF = 0.3
"""How far one slower run moves an estimate; a faster one is believed at once."""
_DOUBT = 0.97
"""What is left of the belief in the estimate of the way not taken: it is tried again after a while."""


def session(model: bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """A session whose threads sleep between runs: other processes need the cores.

    Several threads spin while they run, which a graph of many small nodes needs: waking costs more than most nodes.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A plan is kept for every length that ever came, and saves no time.
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(threads > 1)))
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@dataclass(slots=True)
class _Way:
    """What a piece of work takes this way, and how much of that is still believed."""

    tries: int = 0
    pace_s: float = math.inf
    belief: float = 1.0

    @property
    def expected_s(self) -> float:
        return self.pace_s * self.belief

    def took(self, pace_s: float) -> None:
        self.tries += 1
        self.belief = 1.0
        self.pace_s = pace_s if pace_s < self.pace_s else self.pace_s + _BELIEF * (pace_s - self.pace_s)


class Faster:
    """Which of two ways is the faster, by what runs of about the same size took lately. Safe from several threads.

    Sizes differ by what they cost a piece, so each doubling has estimates of its own.
    """

    def __init__(self) -> None:
        self._ways: dict[int, tuple[_Way, _Way]] = {}
        self._lock = threading.Lock()

    def choose(self, amount: int) -> int:
        """The way to take for so much work, 0 or 1; while one was hardly tried, it is."""
        with self._lock:
            alone, together = self._of(amount)
            if min(alone.tries, together.tries) < TRIALS:
                return int(together.tries <= alone.tries)
            return int(together.expected_s <= alone.expected_s)

    def took(self, way: int, seconds: float, amount: int) -> None:
        """`way` took `seconds` for so much work."""
        with self._lock:
            ways = self._of(amount)
            ways[way].took(seconds / max(1, amount))
            ways[1 - way].belief *= _DOUBT

    def _of(self, amount: int) -> tuple[_Way, _Way]:
        return self._ways.setdefault(amount.bit_length(), (_Way(), _Way()))


def runners(models: Sequence[bytes], hurry_threads: int = 1) -> list[Runner]:
    """A runner for each serialized graph, made on all cores; `hurry_threads` 1: none has a second way."""
    kinds = [1] if hurry_threads == 1 else [1, hurry_threads]
    with ThreadPoolExecutor(os.cpu_count(), "sessions") as executor:
        made = [[executor.submit(session, model, threads) for threads in kinds] for model in models]
        return [Runner(*(one.result() for one in ways)) for ways in made]


class Runner:
    """One graph. Results do not depend on the number of threads.

    Args:
        alone: On one thread.
        together: The same on several, for runs that are in a hurry; None: there is no such way.
    """

    def __init__(
        self, alone: onnxruntime.InferenceSession, together: onnxruntime.InferenceSession | None = None
    ) -> None:
        self._alone = alone
        self._together = together
        self._faster = Faster()
        self.inputs = tuple(value.name for value in alone.get_inputs())

    def run(
        self, feeds: Mapping[str, Tensor], outputs: Sequence[str] | None = None, *, hurry: bool = False
    ) -> list[Tensor]:
        """Compute. `feeds` may hold more than the graph takes."""
        given = {name: feeds[name] for name in self.inputs}
        if not hurry or self._together is None:
            return self._run(self._alone, outputs, given)
        amount = max(feed.shape[-1] for feed in given.values())
        way = self._faster.choose(amount)
        began = perf_counter()
        made = self._run((self._alone, self._together)[way], outputs, given)
        self._faster.took(way, perf_counter() - began, amount)
        return made

    @staticmethod
    def _run(
        chosen: onnxruntime.InferenceSession, outputs: Sequence[str] | None, feeds: dict[str, Tensor]
    ) -> list[Tensor]:
        made: list[Tensor] = chosen.run(outputs, feeds)
        return made
