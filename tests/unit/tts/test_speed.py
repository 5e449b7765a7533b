from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.tts.speed import BEFORE_MEASURED, HEADROOM, Speed


def test_before_anything_was_measured_a_few_replies_are_trusted() -> None:
    assert Speed(threads=2).replies() == 2 * BEFORE_MEASURED


def test_as_many_replies_are_promised_as_the_threads_have_time_for() -> None:
    speed = Speed(threads=2)
    speed.worked(took_s=1.0, audio_s=10.0)

    assert speed.replies() == int(2 * HEADROOM / 0.1)
    assert speed.replies(share=0.5) == int(HEADROOM / 0.1)


def test_work_that_gives_no_audio_counts() -> None:
    speed = Speed(threads=1)
    speed.worked(took_s=0.5, audio_s=0.0)
    speed.worked(took_s=0.5, audio_s=4.0)

    assert speed.cost == pytest.approx(0.25, rel=0.2)


def test_a_machine_that_becomes_slow_is_noticed_within_seconds_of_audio_and_forgiven_as_soon() -> None:
    speed = Speed(threads=1)
    for cost in (0.1, 0.5, 0.1):
        for _ in range(100):
            speed.worked(took_s=cost, audio_s=1.0)
        assert speed.cost == pytest.approx(cost, rel=0.15)


@given(work=st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), max_size=30), most=st.integers(0, 5))
def test_one_reply_is_always_taken_and_the_bound_never_passed(work: list[tuple[float, float]], most: int) -> None:
    speed = Speed(threads=2, most=most)
    for took_s, audio_s in work:
        speed.worked(took_s, audio_s)

    assert speed.replies() >= 1
    assert not most or speed.replies() <= most
