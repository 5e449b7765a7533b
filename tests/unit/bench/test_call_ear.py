from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.audio.pcm import Pcm16
from voicechat.bench.calls.ear import Ear, first_sound_ms, heard_between, last_sound_ms


def sound(ms: float, level: int = 3000) -> Pcm16:
    return np.full(round(ms * 24), level, np.int16)


def test_what_comes_between_two_ticks_is_heard_at_the_next() -> None:
    ear = Ear()
    ear.arrive(105.0, "a", sound(20))
    ear.advance(200.0)
    assert [(piece.at_ms, piece.pcm.size) for piece in ear.pieces] == [(120.0, 480)]


def test_a_reply_that_comes_in_one_piece_is_heard_in_real_time() -> None:
    ear = Ear()
    ear.arrive(0.0, "a", sound(1000))
    ear.advance(500.0)
    assert ear.progress == ("a", 500) and ear.waiting


def test_a_clear_voids_what_was_not_heard_from_the_next_tick_on() -> None:
    ear = Ear()
    ear.arrive(0.0, "a", sound(1000))
    ear.clear(110.0, "a")
    ear.advance(2000.0)
    assert last_sound_ms(ear.pieces) == pytest.approx(120.0)


def test_a_clear_leaves_other_items_alone() -> None:
    ear = Ear()
    ear.arrive(0.0, "a", sound(1000))
    ear.arrive(0.0, "b", sound(40))
    ear.clear(50.0, "a")
    ear.advance(2000.0)
    assert ear.heard_ms("b") == 40


def test_audio_of_an_item_after_its_clear_is_stale() -> None:
    ear = Ear()
    ear.arrive(0.0, "a", sound(20))
    ear.clear(50.0, "a")
    ear.arrive(60.0, "a", sound(20))
    ear.arrive(60.0, "b", sound(20))
    assert ear.stale() == 1


def test_sound_is_told_to_the_sample() -> None:
    ear = Ear()
    ear.arrive(0.0, "a", np.concatenate([sound(25, level=20), sound(10), sound(25, level=20)]))
    ear.advance(100.0)
    assert first_sound_ms(ear.pieces, 0.0) == pytest.approx(25.0)
    assert last_sound_ms(ear.pieces) == pytest.approx(35.0)


def test_a_silence_before_the_rest_of_an_item_is_a_gap() -> None:
    ear = Ear()
    ear.arrive(0.0, "a", sound(40))
    ear.arrive(90.0, "a", sound(40))
    ear.advance(300.0)
    assert ear.gaps_of("a") == [60.0]


def test_a_stretch_of_the_call_holds_silence_where_nothing_was_heard() -> None:
    ear = Ear()
    ear.arrive(0.0, "a", sound(20))
    ear.arrive(40.0, "a", sound(20))
    ear.advance(100.0)
    levels = heard_between(ear.pieces, 10.0, 70.0)[:: 24 * 10]
    assert levels.tolist() == [3000, 0, 0, 3000, 3000, 0]


arrivals = st.lists(st.tuples(st.floats(0, 500), st.integers(1, 2000)), min_size=1, max_size=20)


@given(arrivals, st.lists(st.floats(0, 2000), max_size=20))
def test_when_one_looks_changes_nothing_of_what_is_heard(came: list[tuple[float, int]], looks: list[float]) -> None:
    patient, curious = Ear(), Ear()
    for at_ms, size in sorted(came):
        for look in looks:
            curious.advance(min(look, at_ms))
        for ear in (patient, curious):
            ear.arrive(at_ms, "a", np.arange(size, dtype=np.int16))
    for ear in (patient, curious):
        ear.advance(5000.0)
    assert [(p.at_ms, p.offset_samples) for p in patient.pieces] == [
        (p.at_ms, p.offset_samples) for p in curious.pieces
    ]
    assert sum(piece.pcm.size for piece in patient.pieces) == sum(size for _, size in came)
