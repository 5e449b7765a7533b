"""How far ahead of real time audio is sent."""

from __future__ import annotations

from collections import deque

STEP_MS = 20.0
"""What a calm reply gives back, and the least growth of the client's lag that counts as a gap it had."""
CONFIRMED_BY = 3
"""Reports in a row that must show a lag: one may itself be late, but a gap is in every report after it."""


class AdaptiveLead:
    """Grows by the gaps that a client's reports show, and shrinks by a step with every reply that had none.

    A client that runs dry plays later by exactly the gap, so its lag behind the sender grows by it; delay on the way
    adds to the lag but does not make it grow.
    """

    def __init__(self, least_ms: float, most_ms: float) -> None:
        self._least_ms = least_ms
        self._most_ms = max(least_ms, most_ms)
        self._lead_ms = least_ms
        self._reported_ms: deque[float] = deque(maxlen=CONFIRMED_BY)
        self._lag_ms: float | None = None
        self._calm = True

    @property
    def ms(self) -> float:
        """The lead to hold."""
        return self._lead_ms

    def report(self, lag_ms: float) -> None:
        """A report shows the client `lag_ms` behind the clock that paces it."""
        self._reported_ms.append(lag_ms)
        if len(self._reported_ms) < CONFIRMED_BY:
            return
        lag_ms = min(self._reported_ms)
        if self._lag_ms is None or lag_ms < self._lag_ms:
            self._lag_ms = lag_ms
            return
        grown_ms = lag_ms - self._lag_ms
        if grown_ms < STEP_MS:
            return
        self._lag_ms = lag_ms
        self._calm = False
        self._lead_ms = min(self._most_ms, self._lead_ms + grown_ms)

    def reply_ended(self) -> None:
        """Between replies the lag starts anew."""
        if self._calm and self._reported_ms:
            self._lead_ms = max(self._least_ms, self._lead_ms - STEP_MS)
        self._reported_ms.clear()
        self._lag_ms = None
        self._calm = True
