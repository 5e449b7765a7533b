"""How far a reply may run ahead of the person who listens to it."""

from __future__ import annotations

from collections.abc import Callable

MAX_LEAD_S = 2.0
"""Finished audio beyond what was played, at most."""


class PlayedClock:
    """How much of a reply has been heard, s.

    A client that never reports is taken to play in real time from the first audio on; one that does is believed, until
    it gives up its say and real time counts again.

    Args:
        clock: Seconds, monotonic.
        already_s: What counts as heard before the first audio.
    """

    def __init__(self, clock: Callable[[], float], already_s: float = 0.0) -> None:
        self._clock = clock
        self._heard_s = already_s
        self._since: float | None = None
        self._reports = False
        self._begun = False
        self._paused = False

    @property
    def played_s(self) -> float:
        """Heard so far."""
        return self._heard_s if self._since is None else self._heard_s + self._clock() - self._since

    @property
    def moving(self) -> bool:
        """Whether `played_s` grows by itself."""
        return self._since is not None

    def begin(self) -> None:
        """The first audio goes out."""
        if not self._begun:
            self._begun = True
            self._run()

    def report(self, heard_s: float) -> None:
        """The client has heard this much."""
        self._reports = True
        self._since = None
        self._heard_s = heard_s

    def detach(self) -> None:
        """No reports come any more."""
        self._settle()
        self._reports = False
        self._run()

    def pause(self) -> None:
        """The client holds its playback."""
        self._settle()
        self._paused = True

    def resume(self) -> None:
        """The client goes on."""
        self._paused = False
        self._run()

    def _settle(self) -> None:
        self._heard_s = self.played_s
        self._since = None

    def _run(self) -> None:
        if self._begun and not self._paused and not self._reports and self._since is None:
            self._since = self._clock()
