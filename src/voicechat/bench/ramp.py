"""How many streams a system holds at once, decided from stages with ever more clients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from voicechat.bench.statistics import Summary, share, summary_json

MAX_UNDERRUN_SHARE = 0.001
MAX_FIRST_AUDIO_MS = 300.0
FAILURES_TO_STOP = 2
"""Stages in a row that fail before a ramp ends: one may be the machine's fault."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What `clients` at once met for `wall_s`.

    Attributes:
        clients: Who play replies back to back in real time.
        wall_s: How long.
        first_audio_ms: Of each reply; of one still waited for at the end, the wait so far, if that is past the bar.
        chunks: Of 20 ms that were played.
        underruns: Ticks of 20 ms without the chunk that was due.
        refusals: Replies that were not admitted.
        speech_s: Audio that arrived.
        cpu_s: Time of the system's process on its cores.
        generator_lag_ms: How late the clients' own clock woke up.
        steal_percent: Of all cores' time, taken by the host.
    """

    clients: int
    wall_s: float
    first_audio_ms: Sequence[float]
    chunks: int
    underruns: int
    refusals: int
    speech_s: float
    cpu_s: float
    generator_lag_ms: Sequence[float] = field(default_factory=tuple)
    steal_percent: float = 0.0

    @property
    def underrun_share(self) -> float:
        """Of the chunks that were due."""
        return share(self.underruns, self.chunks + self.underruns)

    @property
    def cpu_s_per_speech_s(self) -> float:
        """Computing that a second of speech took."""
        return share(self.cpu_s, self.speech_s)

    @property
    def held(self) -> bool:
        """Whether everybody was served in time: nobody refused, few underruns, first audio soon."""
        first = Summary.of(self.first_audio_ms)
        soon = first is not None and first.p95 <= MAX_FIRST_AUDIO_MS
        return soon and self.refusals == 0 and self.underrun_share <= MAX_UNDERRUN_SHARE

    def as_json(self) -> dict[str, Any]:
        """Figures without the single replies."""
        return {
            "clients": self.clients,
            "seconds": round(self.wall_s, 1),
            "replies": len(self.first_audio_ms),
            "first_audio_ms": summary_json(self.first_audio_ms),
            "chunks": self.chunks,
            "underruns": self.underruns,
            "underrun_percent": round(100 * self.underrun_share, 3),
            "refusals": self.refusals,
            "speech_s": round(self.speech_s, 1),
            "cpu_s_per_speech_s": round(self.cpu_s_per_speech_s, 4),
            "generator_lag_ms": summary_json(self.generator_lag_ms),
            "steal_percent": self.steal_percent,
            "held": self.held,
        }


def greatest_held(stages: Sequence[Stage]) -> int:
    """The most clients that were held, all smaller stages having been held too; 0 if there are none."""
    held = 0
    for stage in sorted(stages, key=lambda stage: stage.clients):
        if not stage.held:
            break
        held = stage.clients
    return held


def is_over(stages: Sequence[Stage]) -> bool:
    """Whether more clients need not be tried."""
    last = stages[-FAILURES_TO_STOP:]
    return len(last) == FAILURES_TO_STOP and not any(stage.held for stage in last)
