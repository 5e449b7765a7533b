from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechat.tts.engines.piper.phonemes import EspeakPhonemes, phonemes_of, to_ids


@pytest.fixture(scope="module")
def espeak() -> EspeakPhonemes:
    return EspeakPhonemes("en-us")


def said(text: str, espeak: EspeakPhonemes) -> list[tuple[str, str]]:
    spoken = phonemes_of(text, espeak)
    return [(text[slice(*word.written)], spoken.phonemes[word.start : word.end]) for word in spoken.words]


def test_words_that_espeak_joins_are_told_apart(espeak: EspeakPhonemes) -> None:
    assert said("One of the people in the house.", espeak) == [
        ("One", "wˈʌn"),
        ("of", "ʌv"),
        ("the", "ðə"),
        ("people", "pˈiːpəl"),
        ("in", "ɪn"),
        ("the", "ðə"),
        ("house.", "hˈaʊs"),
    ]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("It costs $5 in 1999!", ["It", "costs", "$5", "in", "1999!"]),
        ("At 10:30 a.m. on 12/5/2024.", ["At", "10:30", "a.m.", "on", "12/5/2024."]),
        ("Wait 50% longer & call 555-1234", ["Wait", "50%", "longer", "&", "call", "555-1234"]),
        ("Dr. Smith met Prof. Lee", ["Dr.", "Smith", "met", "Prof.", "Lee"]),
        ("**Bold** 🙂 - and plain", ["Bold", "and", "plain"]),
    ],
)
def test_a_written_word_stays_one_however_it_is_said(text: str, written: list[str], espeak: EspeakPhonemes) -> None:
    assert [word for word, _ in said(text, espeak)] == written


def test_a_number_covers_all_the_words_it_is_said_with(espeak: EspeakPhonemes) -> None:
    assert dict(said("It costs $5 now.", espeak))["$5"] == "fˈaɪv dˈɑːlɚz"


@pytest.mark.parametrize("text", ["", " ", "—", "🙂", "...", "**"])
def test_nothing_to_say_has_no_phonemes(text: str, espeak: EspeakPhonemes) -> None:
    assert phonemes_of(text, espeak).phonemes == ""


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet=st.sampled_from("abc of the $5 1999 U.S. Dr. ,!?-'\"你好🙂\n"), max_size=80))
def test_words_are_in_order_and_do_not_overlap(text: str) -> None:
    spoken = phonemes_of(text, EspeakPhonemes("en-us"))

    places = [(word.start, word.end) for word in spoken.words]
    assert all(start < end <= len(spoken.phonemes) for start, end in places)
    assert all(before[1] <= after[0] for before, after in zip(places, places[1:], strict=False))
    written = [word.written for word in spoken.words]
    assert written == sorted(written)


def test_ids_are_padded_as_in_training_and_unknown_phonemes_left_out() -> None:
    ids = to_ids("aXb", {"_": [0], "^": [1], "$": [2], "a": [3], "b": [4, 5]})

    assert ids.ids == (1, 0, 3, 0, 4, 5, 0, 2)
    assert ids.places == (2, 4, 4, 7)
