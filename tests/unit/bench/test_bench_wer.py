"""Words are counted as they are spoken, and a difference comes with how sure it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.bench.wer import WordErrors, paired_difference, spoken_words, word_error_rate, word_errors


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Press 1.", "press one"),
        ("the 9th", "the ninth"),
        ("dial 500", "dial five hundred"),
        ("1,000", "thousand"),
        ("one thousand", "thousand"),
        ("extension 1234", "extension one two three four"),
        ("M.G.C.P.", "MGCP"),
        ("N B S", "nbs"),
        ("That's not it", "that is not it"),
        ("5 P.M.", "five pm"),
        ("press star", "press *"),
        ("de-activated", "De activated"),
        ("It’s", "it is"),
    ],
)
def test_ways_to_write_the_same_words_are_no_error(one: str, other: str) -> None:
    assert spoken_words(one) == spoken_words(other)


def test_errors_are_words_changed_left_out_and_put_in() -> None:
    assert word_errors("ever tried ever failed", "never tried failed better") == WordErrors(4, 3)


def test_nothing_heard_is_every_word_left_out() -> None:
    assert word_errors("no matter", "") == WordErrors(2, 2)


def test_the_rate_is_pooled_over_all_words() -> None:
    assert word_error_rate([WordErrors(1, 1), WordErrors(9, 0)]) == pytest.approx(10.0)


def test_a_recogniser_differs_from_itself_by_nothing() -> None:
    same = [WordErrors(5, 1), WordErrors(3, 0), WordErrors(8, 2)]
    difference = paired_difference(same, same)
    assert (difference.points, difference.low_95, difference.high_95) == (0, 0, 0)


def test_the_interval_of_a_clear_difference_excludes_none() -> None:
    ours, theirs = [WordErrors(10, 0)] * 200, [WordErrors(10, 2), WordErrors(10, 0)] * 100
    difference = paired_difference(ours, theirs)
    assert difference.points == pytest.approx(-10)
    assert difference.low_95 < -10 < difference.high_95 < 0


@given(pairs=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40))
def test_the_interval_holds_the_difference(pairs: list[tuple[int, int, int]]) -> None:
    difference = paired_difference(
        [WordErrors(words + 1, ours) for words, ours, _ in pairs],
        [WordErrors(words + 1, theirs) for words, _, theirs in pairs],
    )
    assert difference.low_95 <= difference.points + 1e-9
    assert difference.points <= difference.high_95 + 1e-9
