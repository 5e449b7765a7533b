from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechat.tts.speakable import speakable


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**Bold**, *soft* and `code`", "Bold, soft and code"),
        ("***both*** and ~~gone~~ __under__", "both and gone under"),
        ("snake_case stays, f*g too", "snake_case stays, f*g too"),
        ("half **of it", "half of it"),
        ("[a link](http://example.com/x) here", "a link here"),
        ("# Title\n- item\n> quote", "Title item quote"),
        ("```python\nx\n```", "x"),
        ('<speak>Hi<break time="1s"/></speak>', "Hi"),
        ("a < b and c > d", "a < b and c > d"),
        ("Great 🙂👍🏽!", "Great !"),
        ("bell\x07 and\tmore\n\n lines", "bell and more lines"),
        ("Dr. Smith met Prof. Lee.", "Dr Smith met Professor Lee."),
        ("It costs $5, or 5%.", "It costs 5 dollars, or 5%."),
        ("", ""),
    ],
)
def test_what_is_written_for_the_eye_is_not_read_aloud(written: str, spoken: str) -> None:
    assert speakable(written).text.strip() == spoken


def test_words_know_where_they_were_written() -> None:
    written = "**Hello** 🙂 Prof. Lee, $5!"

    assert [written[start:end] for _, (start, end) in speakable(written).words()] == ["Hello", "Prof.", "Lee,", "$5!"]


def test_each_character_of_an_unspaced_script_is_a_word() -> None:
    assert [word for word, _ in speakable("你好，world", "zh").words()] == ["你", "好，", "world"]


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=300))
def test_every_character_comes_from_the_text_in_its_order(written: str) -> None:
    traced = speakable(written)

    assert len(traced.text) == len(traced.origins)
    assert all(0 <= start < end <= len(written) for start, end in traced.origins)
    starts = [start for start, _ in traced.origins]
    assert starts == sorted(starts)
