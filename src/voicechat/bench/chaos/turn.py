"""One question and what was heard of its answer."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from voicechat.client.playout import RATE_HZ

LOST_AFTER_S = 10.0
"""A turn whose reply has not been heard to its end by then is lost."""
GAP_S = 0.04
"""Silence in the middle of a reply that counts; less is the unevenness of two busy cores."""
BUSY = ("resource_exhausted", "server_full")


@dataclass(slots=True)
class Turn:
    """One question and its answer.

    Times are s on the event loop's clock, `gaps_ms` silences within the answer. `number` is what the answer should call
    itself, and `told` what it did.
    """

    asked_at: float
    number: int = 0
    first_audio_at: float | None = None
    heard_until: float | None = None
    audio_s: float = 0.0
    gaps_ms: list[float] = field(default_factory=list)
    status: str = ""
    reason: str = ""
    told: int | None = None

    def arrives(self, at_s: float, samples: int) -> None:
        """Audio comes; it is heard behind what came before, or at once."""
        if self.heard_until is None:
            self.first_audio_at = self.heard_until = at_s
        elif at_s - self.heard_until > GAP_S:
            self.gaps_ms.append(round(1000 * (at_s - self.heard_until)))
        self.heard_until = max(at_s, self.heard_until) + samples / RATE_HZ
        self.audio_s += samples / RATE_HZ

    @property
    def refused(self) -> bool:
        """Turned away at the door, or by workers that are full."""
        return any(word in self.reason for word in BUSY)

    @property
    def lost(self) -> bool:
        """Taken, but not heard to its end in time."""
        in_time = self.heard_until is not None and self.heard_until - self.asked_at <= LOST_AFTER_S
        return not self.refused and not (self.status == "completed" and in_time)

    @property
    def forgotten(self) -> bool:
        """Answered by somebody who did not know what was said before."""
        return self.status == "completed" and self.told != self.number

    def as_json(self, since_s: float) -> dict[str, Any]:
        """For the report of a turn that went wrong."""
        times = {"asked_at": self.asked_at, "first_audio_at": self.first_audio_at, "heard_until": self.heard_until}
        told = {name: None if at is None else round(at - since_s, 2) for name, at in times.items()}
        return asdict(self) | told
