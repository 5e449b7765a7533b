from __future__ import annotations

from voicechat.tts.refusal import MAX_TEXT_CHARS, invalid


def test_a_refusal_that_quotes_a_huge_value_still_fits_the_wire() -> None:
    assert len(invalid(f"model {'x' * 100_000} is unknown").text) <= MAX_TEXT_CHARS + 1


def test_a_short_refusal_is_told_whole() -> None:
    assert invalid("speed is 9; it runs from 0.25 to 4").text == "speed is 9; it runs from 0.25 to 4"
