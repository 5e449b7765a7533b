"""What only the inside of a conversation can measure, told to whoever counts it."""

from __future__ import annotations

from typing import Protocol


class Meter(Protocol):
    """Is told of things as they happen, on the event loop and up to a hundred times a second; must not block."""

    def ticked(self, late_s: float) -> None:
        """A tick of a playout came so late."""

    def looped(self, late_s: float) -> None:
        """The event loop came back so late."""

    def ran_dry(self) -> None:
        """A listener ran dry before the end of a reply."""

    def ducked(self, after_s: float) -> None:
        """The last sample at full level was sent so long after voice activity said that somebody speaks over it."""

    def silenced(self, after_s: float) -> None:
        """The last audible sample was sent so long after voice activity said that the speech lasts."""


class Unmetered:
    """A `Meter` that forgets."""

    def ticked(self, late_s: float) -> None:
        """Forget it."""

    def looped(self, late_s: float) -> None:
        """Forget it."""

    def ran_dry(self) -> None:
        """Forget it."""

    def ducked(self, after_s: float) -> None:
        """Forget it."""

    def silenced(self, after_s: float) -> None:
        """Forget it."""
