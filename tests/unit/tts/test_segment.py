from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechat.tts.segment import MAX_PHONEMES, Segmenter, TextSegment, phoneme_estimate

PROSE = st.text(alphabet=st.sampled_from("abcdeDr SUI.,!?;: \n\"'()5$-*。，！「」你好🙂é"), max_size=400)


def segments_of(text: str, pieces: list[str] | None = None) -> list[TextSegment]:
    segmenter = Segmenter()
    segments = [segment for piece in pieces or [text] for segment in segmenter.push(piece)]
    return segments + segmenter.flush()


def texts(text: str) -> list[str]:
    return [segment.text for segment in segments_of(text)]


def test_the_first_segment_ends_at_the_first_clause_and_the_others_with_their_sentence() -> None:
    assert texts("Well, my friend, that is so. And this, too, is true. Yes.") == [
        "Well, my friend,",
        " that is so.",
        " And this, too, is true.",
        " Yes.",
    ]


def test_a_first_clause_is_given_before_its_sentence_ends() -> None:
    assert [segment.text for segment in Segmenter().push("Here is something, and now")] == ["Here is something,"]


@pytest.mark.parametrize(
    "sentence",
    [
        "Dr. Smith met Prof. Lee and Mrs. Hall.",
        "It is 3.14 or 1,000.50 of them.",
        "The U.S. and the U.K. agree at 5 p.m. today.",
        "See J. R. Smith vs. Jones, i.e. the case.",
        "Visit www.example.com or mail a.b@c.de now.",
        "1. First of all this.",
        "a) one item",
    ],
)
def test_a_full_stop_inside_a_sentence_cuts_nothing(sentence: str) -> None:
    segmenter = Segmenter(first_clause_chars=1000)
    assert [segment.text for segment in segmenter.push(sentence) + segmenter.flush()] == [sentence]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It was 1999. Then came more.", ["It was 1999.", " Then came more."]),
        ("So do I. You do not.", ["So do I.", " You do not."]),
        ("No. Try again.", ["No.", " Try again."]),
        ('He said "yes." She left.', ['He said "yes."', " She left."]),
        ("Wait... What?! Go!", ["Wait...", " What?!", " Go!"]),
        ("Intro\n- one\n- two", ["Intro\n", "- one\n", "- two"]),
        ("Title\n\nBody", ["Title\n", "\nBody"]),
    ],
)
def test_sentences_and_lines_of_lists_are_segments(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


def test_unspaced_scripts_are_cut_at_their_own_punctuation() -> None:
    assert texts("你好，我是助手。「是吗？」对。") == ["你好，我是助手。", "「是吗？」", "对。"]


def test_a_sentence_without_end_is_cut_between_words() -> None:
    segments = texts("word " * 100)

    assert len(segments) > 2
    assert all(segment.endswith(" ") for segment in segments[:-1])


def test_only_a_segment_that_ends_a_sentence_is_followed_by_a_pause() -> None:
    assert [segment.ends_sentence for segment in segments_of("First of all, hello. Bye.")] == [False, True, True]


def test_flush_gives_what_is_there_and_the_rest_follows() -> None:
    segmenter = Segmenter()
    begun = segmenter.push("Half a sen") + segmenter.flush()
    rest = segmenter.push("tence.") + segmenter.flush()

    assert [(segment.text, segment.start) for segment in begun + rest] == [("Half a sen", 0), ("tence.", 10)]


@settings(deadline=None, max_examples=50)
@given(PROSE)
def test_segments_are_the_text_without_loss_or_overlap(text: str) -> None:
    segments = segments_of(text)

    assert "".join(segment.text for segment in segments) == text
    assert all(text[segment.start : segment.end] == segment.text for segment in segments)
    assert [segment.index for segment in segments] == list(range(len(segments)))


@settings(deadline=None, max_examples=50)
@given(PROSE, st.lists(st.integers(0, 400), max_size=30))
def test_the_pieces_in_which_text_arrives_change_no_cut(text: str, cuts: list[int]) -> None:
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[start:end] for start, end in zip(bounds, bounds[1:], strict=False)]

    assert segments_of(text, pieces) == segments_of(text)


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=1500))
def test_no_segment_is_estimated_above_the_bound(text: str) -> None:
    for segment in segments_of(text):
        assert sum(map(phoneme_estimate, segment.text)) <= MAX_PHONEMES


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is on Nov 21, 2026, then.", ["It is on Nov 21, 2026,", " then."]),
        ("It is No. 5 of them. No. That is all.", ["It is No. 5 of them.", " No.", " That is all."]),
        ("See p. 10 there.", ["See p. 10 there."]),
    ],
)
def test_what_belongs_to_a_number_is_not_cut_from_it(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


def test_an_ordinal_and_an_abbreviation_of_the_language_end_no_sentence() -> None:
    segmenter = Segmenter(first_clause_chars=1000, language="de-DE")
    text = "Am 21. November, z. B. um 5, war der 3. Tag. Ich bin 21. Du auch."

    segments = [segment.text for piece in text for segment in segmenter.push(piece)]
    segments += [segment.text for segment in segmenter.flush()]

    assert segments == ["Am 21. November, z. B. um 5, war der 3. Tag.", " Ich bin 21.", " Du auch."]


@settings(deadline=None, max_examples=50)
@given(
    st.text(alphabet=st.sampled_from("ab 1234.,:No p.\nJan MärzZ"), max_size=120),
    st.sampled_from(["en", "de", "fr", "es"]),
    st.integers(1, 7),
)
def test_what_is_waited_for_changes_no_cut_and_loses_nothing(text: str, language: str, size: int) -> None:
    whole, pieces = Segmenter(language=language), Segmenter(language=language)
    at_once = whole.push(text) + whole.flush()
    given = [text[at : at + size] for at in range(0, len(text), size)]

    assert [segment for piece in given for segment in pieces.push(piece)] + pieces.flush() == at_once
    assert "".join(segment.text for segment in at_once) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "🙂" * 2000,
        "." * 100_000,
        "a" * 10_000,
        "שלום עולם. " * 500,
        "\u200b" * 5000,
        "word " * 20_000,
        "1, " * 30_000,
    ],
    ids=["none", "emoji", "punctuation", "one word", "right to left", "zero width", "long", "numbers"],
)
def test_no_text_is_too_odd_or_too_long(text: str) -> None:
    segments = segments_of(text, [text[at : at + 500] for at in range(0, len(text), 500)] or [text])

    assert "".join(segment.text for segment in segments) == text
    assert all(sum(map(phoneme_estimate, segment.text)) <= MAX_PHONEMES for segment in segments)
