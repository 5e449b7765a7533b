"""How many conversations are held on one fleet, by this orchestrator and by the others."""

from __future__ import annotations

from typing import Protocol


class Tally(Protocol):
    """Counts the conversations of a fleet, so that its orchestrators together hold no more than it can speak to."""

    @property
    def elsewhere(self) -> int:
        """Conversations that other orchestrators hold, as far as is known."""

    async def claim(self, most: int | None) -> bool:
        """Count one more, unless that makes more than `most` in all; None: there is no bound."""

    def release(self) -> None:
        """Count one less."""


class LoneTally:
    """Implements `Tally` where no other orchestrator is known of."""

    elsewhere = 0

    async def claim(self, most: int | None) -> bool:
        """Count one more; whoever asks knows what it holds itself."""
        return True

    def release(self) -> None:
        """Count one less."""
