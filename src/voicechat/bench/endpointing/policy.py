"""What a way of ending turns makes of the pauses: where it would have cut people off, and how long it let them wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voicechat.bench.endpointing.pauses import Pause

FINISHED = 0.5


@dataclass(frozen=True, slots=True)
class Policy:
    """`finished_s` of silence end a turn judged finished, `unfinished_s` any other; equal: nothing is judged."""

    judge: str
    finished_s: float
    unfinished_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one recording.

    Attributes:
        cut_off: The turn was ended in a pause.
        delay_s: Otherwise, from its true end to the decision.
    """

    cut_off: bool
    delay_s: float


def decided_s(policy: Policy, pause: Pause) -> float:
    """When the turn would end in this pause, if nobody spoke again; s of the recording."""
    if pause.probability is None or policy.finished_s == policy.unfinished_s:
        return max(pause.noticed_s, pause.silent_s + policy.finished_s)
    known_s = max(pause.noticed_s, pause.asked_s + pause.took_s)
    wait_s = policy.finished_s if pause.probability >= FINISHED else policy.unfinished_s
    return max(known_s, pause.silent_s + wait_s)


def outcome(policy: Policy, pauses: Sequence[Pause], end_s: float) -> Outcome:
    """Where the first decision falls that nobody speaks into."""
    for pause in pauses:
        at_s = decided_s(policy, pause)
        if at_s < pause.resumed_s:
            return Outcome(cut_off=pause.silent_s < end_s - 0.2, delay_s=at_s - end_s)
    return Outcome(cut_off=False, delay_s=float("inf"))
