"""How long to wait before a service that died is started again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """Waits double from `first_s` to `cap_s`, and begin anew once a service has lived for `stable_after_s`."""

    first_s: float = 0.2
    cap_s: float = 10.0
    factor: float = 2.0
    stable_after_s: float = 30.0


class Backoff:
    """The waits of one service."""

    def __init__(self, policy: BackoffPolicy) -> None:
        self._policy = policy
        self._next_s = policy.first_s

    def after(self, lived_s: float) -> float:
        """The wait, s, after a death that came `lived_s` after the start."""
        if lived_s >= self._policy.stable_after_s:
            self._next_s = self._policy.first_s
        wait_s = self._next_s
        self._next_s = min(self._policy.cap_s, wait_s * self._policy.factor)
        return wait_s
