"""What a pull tells its caller while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """What is being done."""

    WAITING = "waiting for another process"
    DOWNLOADING = "downloading"
    CHECKING = "checking"


@dataclass(frozen=True, slots=True)
class Progress:
    """One report: `done_bytes` of `total_bytes` (None where the server does not say) of `name`."""

    model_id: str
    phase: Phase
    name: str = ""
    done_bytes: int = 0
    total_bytes: int | None = None


ProgressCallback = Callable[[Progress], None]


def ignore(_: Progress) -> None:
    """Tell nobody."""
