"""How fast this worker is just now, and what it may promise."""

from __future__ import annotations

import math

HEADROOM = 0.95
"""Of the threads' time that REALTIME replies may need together; the rest is for starts and for what goes wrong."""
BEFORE_MEASURED = 4
"""Replies a thread is trusted with before anything was measured."""
_LEAST_COST = 1e-4
_MEMORY_S = 30.0
"""Audio after which a measurement weighs 1/e: with many listeners that is some seconds. A few who begin at once, whose
texts are much work and no audio yet, do not look like a slow machine."""


class Speed:
    """The computing that a second of speech takes, as it was lately.

    Work is measured in wall-clock time: what other processes and the host take away makes it longer, and the worker
    promises less until it is shorter again.

    Args:
        threads: That work at once.
        most: Upper bound of what is promised; 0: none.
    """

    def __init__(self, threads: int, most: int = 0) -> None:
        self._threads = threads
        self._most = most
        self._work_s = 0.0
        self._audio_s = 0.0

    @property
    def cost(self) -> float | None:
        """Seconds of a thread for a second of speech; None before there was any."""
        return self._work_s / self._audio_s if self._audio_s else None

    def worked(self, took_s: float, audio_s: float) -> None:
        """A turn took `took_s` and gave `audio_s` of audio, which may be none."""
        kept = math.exp(-audio_s / _MEMORY_S)
        self._work_s = self._work_s * kept + took_s
        self._audio_s = self._audio_s * kept + audio_s

    def replies(self, share: float = 1.0) -> int:
        """REALTIME replies that can be kept supplied at once with `share` of the time; at least one."""
        cost = self.cost
        room = BEFORE_MEASURED if cost is None else HEADROOM * share / max(cost, _LEAST_COST)
        promised = math.floor(self._threads * room)
        return max(1, min(promised, self._most or promised))
