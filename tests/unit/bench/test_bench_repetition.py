"""A loop is told by what was said and the time it took, not by the ears' own rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.bench.repetition import is_repetition, runs

WORDS = st.lists(st.sampled_from(["one", "two", "press", "now"]), max_size=12)


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("eleven", "11, 11, 11, 11"),
        ("eleven", "11 11 11"),
        ("press one now", "press one, press one, press one now"),
        ("the number is not in service", "the number is not in service " * 3),
        ("to call it, press one", "to call it press one or to call it press one so to call it press one"),
    ],
)
def test_a_phrase_that_comes_back_oftener_than_it_was_said_is_a_loop(said: str, heard: str) -> None:
    assert is_repetition(said, heard, seconds=10.0)


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("no no no no", "No, no, no, no!"),
        ("ha ha ha", "ha ha ha"),
        ("two to call", "two two call"),
        ("seven seven seven two", "7772"),
        ("enter the number then press pound", "and the number and press found"),
        ("goodbye", ""),
        ("one for a call two for a call three for a call", "one for a hall two for a hall three for a hall"),
    ],
)
def test_what_was_said_or_merely_misheard_is_none(said: str, heard: str) -> None:
    assert not is_repetition(said, heard, seconds=3.0)


def test_more_words_than_there_was_time_for_are_one() -> None:
    heard = "a b c d e f g h i j k l m n o p q r s t u v w".replace(" ", " then ")
    assert is_repetition("hello", heard, seconds=1.0)
    assert not is_repetition("hello", heard, seconds=10.0)


def test_runs_are_counted_by_the_length_of_their_phrase() -> None:
    words = list("abababb")
    assert runs(words, 1) == {("a",): 1, ("b",): 2}
    assert runs(words, 2)["a", "b"] == 3
    assert runs(words, 8) == {}


@given(said=WORDS)
def test_what_is_heard_as_it_was_said_is_never_a_loop(said: list[str]) -> None:
    text = " ".join(said)
    assert not is_repetition(text, text, seconds=0.1)


@given(said=WORDS, phrase=st.lists(st.sampled_from(["red", "green"]), min_size=1, max_size=3))
def test_three_times_what_was_never_said_is_always_one(said: list[str], phrase: list[str]) -> None:
    assert is_repetition(" ".join(said), " ".join([*said, *phrase * 3]), seconds=60.0)
