"""What was refused at the door: counted always, logged as long as that is cheap."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Counter

log = structlog.get_logger(__name__)

LOGGED_PER_WINDOW = 5
WINDOW_S = 10.0


class Rejections:
    """Counts by reason. Of each reason, a few are logged every ten seconds, and how many were not.

    `clock` is monotonic, in seconds.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY, clock: Callable[[], float] = time.monotonic) -> None:
        self._counter = Counter(
            "voicechat_admission_rejected",
            "Requests and connections that were refused at the door",
            ["reason"],
            registry=registry,
        )
        self._clock = clock
        self._windows: dict[str, tuple[float, int]] = {}

    def expect(self, reasons: Iterable[str]) -> None:
        """Show these from the start as 0, so that the first one is an increase."""
        for reason in reasons:
            self._counter.labels(reason)

    def count(self, reason: str, **details: object) -> None:
        """One more was refused for `reason`; `details` are for the log."""
        self._counter.labels(reason).inc()
        now_s = self._clock()
        began_s, seen = self._windows.get(reason, (now_s, 0))
        if now_s - began_s >= WINDOW_S:
            unlogged = max(0, seen - LOGGED_PER_WINDOW)
            began_s, seen = now_s, 0
            if unlogged:
                log.warning("refused, not logged one by one", reason=reason, count=unlogged)
        self._windows[reason] = (began_s, seen + 1)
        if seen < LOGGED_PER_WINDOW:
            log.warning("refused", reason=reason, **details)


rejections = Rejections()
"""Of this process."""
