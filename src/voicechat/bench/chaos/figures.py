"""What came of the turns of a run, in figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from voicechat.bench.chaos.turn import GAP_S, LOST_AFTER_S, Turn
from voicechat.bench.statistics import summary_json

_WRONG_SHOWN = 20
_STRETCH_S = 30.0


def turn_figures(turns: Sequence[Turn], began_s: float) -> dict[str, Any]:
    """Counts, waits, gaps, how it went over time, and the turns that went wrong. `began_s`: when the run did."""
    completed = [turn for turn in turns if turn.status == "completed"]
    wrong = [turn for turn in turns if turn.lost or turn.forgotten]
    return {
        "lost_after_s": LOST_AFTER_S,
        "turns": {
            "taken": len(turns),
            "completed": len(completed),
            "refused": sum(turn.refused for turn in turns),
            "lost": sum(turn.lost for turn in turns),
            "forgotten": sum(turn.forgotten for turn in turns),
            "audio_s": summary_json([turn.audio_s for turn in completed], 2),
            "first_audio_ms": summary_json(_waits_ms(turns)),
        },
        "gaps": {
            "counted_above_ms": 1000 * GAP_S,
            "replies_with_any": sum(bool(turn.gaps_ms) for turn in turns),
            "ms": summary_json([gap for turn in turns for gap in turn.gaps_ms]),
        },
        "over_time": _over_time(turns, began_s),
        "wrong": [turn.as_json(began_s) for turn in wrong[:_WRONG_SHOWN]],
    }


def _over_time(turns: Sequence[Turn], began_s: float) -> list[dict[str, Any]]:
    """How it went in each half minute: a slow death would show."""
    stretches: dict[int, list[Turn]] = {}
    for turn in turns:
        stretches.setdefault(int((turn.asked_at - began_s) / _STRETCH_S), []).append(turn)
    return [
        {
            "from_s": number * _STRETCH_S,
            "turns": len(asked),
            "lost": sum(turn.lost for turn in asked),
            "refused": sum(turn.refused for turn in asked),
            "first_audio_ms": summary_json(_waits_ms(asked)),
        }
        for number, asked in sorted(stretches.items())
    ]


def _waits_ms(turns: Sequence[Turn]) -> list[float]:
    return [1000 * (turn.first_audio_at - turn.asked_at) for turn in turns if turn.first_audio_at is not None]
