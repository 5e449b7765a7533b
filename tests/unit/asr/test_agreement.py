"""Interim words that were agreed on stay as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.asr.agreement import AgreedWords, joined

WORDS = st.lists(st.sampled_from(["ever", "tried", "failed", "no", "matter", "."]), max_size=8).map(" ".join)


def shown(*hypotheses: str, language: str = "en") -> str:
    agreed = AgreedWords()
    return [agreed.push(hypothesis, language) for hypothesis in hypotheses][-1]


def test_the_first_hypothesis_is_shown_as_it_is() -> None:
    assert shown("Ever dried.") == "Ever dried."


def test_words_that_no_two_hypotheses_agree_on_change() -> None:
    assert shown("Ever dried.", "Ever tried. Ever") == "Ever tried. Ever"


def test_agreed_words_stay_when_a_later_hypothesis_differs() -> None:
    assert shown("Ever tried", "Ever tried ever", "Never tried ever failed") == "Ever tried ever failed"


def test_case_and_punctuation_do_not_keep_words_from_agreeing() -> None:
    assert shown("ever tried.", "Ever tried, ever", "Never cried ever") == "Ever tried, ever"


def test_a_hypothesis_that_falls_silent_takes_no_agreed_word_back() -> None:
    assert shown("Ever tried", "Ever tried", "") == "Ever tried"


def test_characters_agree_where_words_are_not_spaced() -> None:
    assert shown("今天天", "今天天气", "明天天气很好", language="zh") == "今天天气很好"


def test_a_correction_lets_agreed_words_change() -> None:
    agreed = AgreedWords()
    for _ in range(2):
        agreed.push("Ever dried", "en")
    agreed.correct("Ever tried.", "en")
    assert agreed.push("Ever tried. Ever", "en") == "Ever tried. Ever"


@given(hypotheses=st.lists(WORDS, min_size=2, max_size=8))
def test_what_two_in_a_row_agree_on_is_shown_from_then_on(hypotheses: list[str]) -> None:
    agreed, kept = AgreedWords(), ""
    last: list[str] = []
    for hypothesis in hypotheses:
        text, words = agreed.push(hypothesis, "en"), hypothesis.split()
        assert text.startswith(kept)
        both = next((i for i, pair in enumerate(zip(last, words, strict=False)) if pair[0] != pair[1]), None)
        count = min(len(last), len(words)) if both is None else both
        if count > len(kept.split()):
            kept = " ".join(text.split()[:count])
        last = words


@pytest.mark.parametrize(("language", "text"), [("en", "one two"), ("zh", "onetwo")])
def test_parts_are_joined_as_the_language_is_written(language: str, text: str) -> None:
    assert joined(["one", "", "two"], language) == text
