from __future__ import annotations

import pytest

from voicechat.bench.chaos.figures import turn_figures
from voicechat.bench.chaos.mind import REPLY, _answered
from voicechat.bench.chaos.turn import Turn

RATE_HZ = 24_000


def answered(asked_at: float, *, seconds: float = 6.0, wait_s: float = 0.5, number: int = 1, told: int = 1) -> Turn:
    turn = Turn(asked_at, number)
    turn.arrives(asked_at + wait_s, round(seconds * RATE_HZ))
    turn.status, turn.told = "completed", told
    return turn


def test_a_reply_that_was_heard_to_its_end_in_time_is_not_lost() -> None:
    assert not answered(0).lost
    assert answered(0, wait_s=4.1).lost


@pytest.mark.parametrize("status", ["", "failed", "cancelled", "broken", "unanswered"])
def test_a_reply_that_did_not_complete_is_lost_unless_it_was_refused(status: str) -> None:
    turn = answered(0)
    turn.status = status
    assert turn.lost
    turn.reason = "{'code': 'voice_resource_exhausted'}"
    assert turn.refused and not turn.lost


def test_silence_within_a_reply_is_a_gap_where_it_is_heard() -> None:
    turn = Turn(0)
    turn.arrives(1.0, RATE_HZ)
    turn.arrives(1.5, RATE_HZ)
    turn.arrives(3.03, RATE_HZ)
    assert not turn.gaps_ms
    turn.arrives(4.13, RATE_HZ)
    assert turn.gaps_ms == [100] and turn.audio_s == 4


def test_an_answer_with_the_wrong_number_has_lost_its_history() -> None:
    assert answered(0, number=3, told=1).forgotten and not answered(0, number=3, told=3).forgotten


def test_the_mind_counts_on_from_the_last_answer_that_it_is_told_of() -> None:
    said = [{"role": "assistant", "content": REPLY.format(number)} for number in (4, 5)]
    assert _answered([*said, {"role": "user", "content": "That was answer 9, was it?"}]) == 5
    assert _answered([]) == 0


def test_a_slow_death_shows_in_half_minutes() -> None:
    figures = turn_figures([answered(100), answered(131), answered(160, wait_s=9)], began_s=100)
    assert [(each["from_s"], each["turns"], each["lost"]) for each in figures["over_time"]] == [
        (0, 1, 0),
        (30, 1, 0),
        (60, 1, 1),
    ]
    assert figures["turns"]["lost"] == 1 and figures["wrong"][0]["asked_at"] == 60
