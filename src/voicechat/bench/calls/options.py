"""Options of the benches with callers, as they are typed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from voicechat.bench.calls.utterances import Speaker
from voicechat.bench.systems.port import BenchError

CLEAN = "clean"


class Transport(StrEnum):
    """How the product is called."""

    WEBSOCKET = "websocket"
    LIVEKIT = "livekit"


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What is measured.

    Attributes:
        callers: At once, one stage for each.
        turns: Of each caller in each stage.
        speakers: Who they are; utterances take turns.
        noises_db: Speech over noise, one stage for each; None is clean.
        idle: Callers who listen and say nothing, beside the most callers.
        peers: Other assistants, by name.
        url: Of a running server; None starts the product's own.
        transports: How the product is called.
    """

    callers: tuple[int, ...] = (1,)
    turns: int = 12
    speakers: tuple[Speaker, ...] = (Speaker.HUMAN, Speaker.SYNTHETIC)
    noises_db: tuple[float | None, ...] = (None,)
    idle: int = 0
    peers: tuple[str, ...] = ()
    url: str | None = None
    transports: tuple[Transport, ...] = (Transport.WEBSOCKET,)


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


def transports(given: str) -> tuple[Transport, ...]:
    """How the product is called. Raises `BenchError`."""
    try:
        return tuple(Transport(part.strip()) for part in given.split(","))
    except ValueError:
        raise BenchError(f"--transport {given!r}: choose from {', '.join(Transport)}") from None


def levels(given: str) -> tuple[float | None, ...]:
    """Speech over noise in dB, None for clean. Raises `BenchError`."""
    try:
        return tuple(None if part.strip() == CLEAN else float(part) for part in given.split(","))
    except ValueError:
        raise BenchError(f"--noise {given!r}: give {CLEAN} or levels in dB, such as clean,20,10,5") from None


def noise_words(noise_db: float | None) -> str:
    """A level of noise, for people."""
    return CLEAN if noise_db is None else f"{noise_db:g} dB"
