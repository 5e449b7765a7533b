"""Keeps replies away from a worker that fails, and lets one of them find out when it is back."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_S = 1.0
LONGEST_S = 30.0
TRIAL_S = 10.0
"""A trial that was not heard of for this long is forgotten."""


class Breaker:
    """Closed until a failure; then open for a time that doubles with each further one, spread by a quarter.

    After it, one reply is let through. If the worker takes it, others may follow; the failures before are forgotten
    once a reply has ended well.

    Args:
        clock: Seconds, monotonic.
        spread: Uniform in [0, 1).
    """

    def __init__(self, clock: Callable[[], float], spread: Callable[[], float] = random.random) -> None:
        self._clock = clock
        self._spread = spread
        self._failures = 0
        self._open_until = 0.0
        self._trial_until = 0.0

    @property
    def allows(self) -> bool:
        """Whether a reply may be sent there now."""
        if self._failures == 0:
            return True
        now = self._clock()
        return now >= self._open_until and now >= self._trial_until

    def tried(self) -> None:
        """A reply is on its way there."""
        if self._failures:
            self._trial_until = self._clock() + TRIAL_S

    def answered(self) -> None:
        """The worker has taken a reply."""
        self._trial_until = 0.0

    def succeeded(self) -> None:
        """The worker has done what was asked."""
        self._failures = 0
        self._trial_until = 0.0

    def failed(self) -> None:
        """It has not. All the replies that broke off with it are one failure."""
        self._trial_until = 0.0
        if self._clock() < self._open_until:
            return
        self._failures += 1
        length_s = min(LONGEST_S, FIRST_S * 2.0 ** min(self._failures - 1, 10))
        self._open_until = self._clock() + length_s * (0.75 + 0.5 * self._spread())
