"""What is measured: anything that turns text into speech piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from voicechat.bench.playout import Playout

Clock = Callable[[], float]


class BenchError(Exception):
    """A measurement cannot be made; the text says what to do."""


class Refused(Exception):
    """The system takes no more replies now."""


class System(Protocol):
    """A running synthesizer. Replies may be asked for at once where the system takes several."""

    @property
    def name(self) -> str:
        """As in reports."""

    @property
    def pid(self) -> int:
        """Of the process that computes."""

    @property
    def settings(self) -> dict[str, Any]:
        """What it was told, for the report."""

    async def speak(self, text: str, playout: Playout) -> None:
        """Speak `text` to the listener `playout`, whose clock is the event loop's; returns once all has arrived.

        Raises `Refused`, or `BenchError` when it breaks.
        """
