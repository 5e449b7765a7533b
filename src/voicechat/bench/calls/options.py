"""Options of the benches with callers, as they are typed."""

from __future__ import annotations

from voicechat.bench.calls.utterances import Speaker
from voicechat.bench.systems.port import BenchError

CLEAN = "clean"


def numbers(given: str) -> tuple[int, ...]:
    """Counts of callers. Raises `BenchError`."""
    try:
        counts = tuple(int(part) for part in given.split(","))
    except ValueError:
        counts = (0,)
    if min(counts) < 1:
        raise BenchError(f"--callers {given!r}: give whole numbers from 1, separated by commas, such as 1,4")
    return counts


def speakers(given: str) -> tuple[Speaker, ...]:
    """Who calls. Raises `BenchError`."""
    try:
        return tuple(Speaker(part.strip()) for part in given.split(","))
    except ValueError:
        raise BenchError(f"--voices {given!r}: choose from {', '.join(Speaker)}") from None


def levels(given: str) -> tuple[float | None, ...]:
    """Speech over noise in dB, None for clean. Raises `BenchError`."""
    try:
        return tuple(None if part.strip() == CLEAN else float(part) for part in given.split(","))
    except ValueError:
        raise BenchError(f"--noise {given!r}: give {CLEAN} or levels in dB, such as clean,20,10,5") from None
