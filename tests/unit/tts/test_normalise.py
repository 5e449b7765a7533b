from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechat.tts.speakable import speakable

SIGNS = st.text(alphabet=st.sampled_from("0123456789 $€£%.,:/-–°kmhCaPNov@x#½²'<>()\n🙂\u200b"), max_size=80)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("$5", "5 dollars"),
        ("$1", "1 dollar"),
        ("$3.50", "3 dollars and 50 cents"),
        ("$0.99", "99 cents"),
        ("-$5", "minus 5 dollars"),
        ("€20", "20 euros"),
        ("£1,000", "1,000 pounds"),
        ("$2 million", "2 million dollars"),
        ("$1.5M", "1.5 million dollars"),
        ("$10-20", "10 to 20 dollars"),
        ("$5/month", "5 dollars per month"),
    ],
)
def test_money_is_said_with_its_unit_behind_it(written: str, spoken: str) -> None:
    assert speakable(written).text == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("2026-11-21", "November twenty-first, twenty twenty-six"),
        ("11/21/2026", "November twenty-first, twenty twenty-six"),
        ("Nov 21", "November twenty-first"),
        ("Nov. 21, 2026", "November twenty-first, twenty twenty-six"),
        ("21 November", "the twenty-first of November"),
        ("I may 5 times", "I may 5 times"),
        ("13/13/1850", "13 over 13 over 1850"),
        ("in 1999", "in nineteen ninety-nine"),
        ("the 1990s", "the 19 nineties"),
        ("1999 bytes", "1999 bytes"),
        ("1914-1918", "nineteen fourteen to nineteen eighteen"),
    ],
)
def test_dates_and_years_are_said_as_such_and_numbers_are_not(written: str, spoken: str) -> None:
    assert speakable(written).text == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("10:30", "10 30"),
        ("10:05", "10 oh 5"),
        ("10:00", "10 o'clock"),
        ("5pm today", "5 PM today"),
        ("at 7:00 p.m.", "at 7 PM."),
        ("99:99", "99:99"),
        ("5 km", "5 kilometers"),
        ("1 km", "1 kilometer"),
        ("5-10 km", "5 to 10 kilometers"),
        ("20 °C", "20 degrees Celsius"),
        ("60 mph", "60 miles per hour"),
        ("1½", "1 and a half"),
        ("10²", "10 squared"),
        ("21st", "twenty-first"),
    ],
)
def test_times_and_units_are_said_in_full(written: str, spoken: str) -> None:
    assert speakable(written).text == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Dr. Lee, St. Paul, Main St.", "Dr Lee, Saint Paul, Main Street."),
        ("e.g. this, i.e. that, etc.", "for example this, that is that, et cetera."),
        ("No. 5, p. 10", "number 5, page 10"),
        ("Henry VIII in Chapter IV", "Henry the eighth in Chapter 4"),
        ("the FAQ of NASA", "the F.A.Q of NASA"),
        ("two FAQs, PDFs", "two F.A.Q's, P.D.F's"),
        ("https://www.example.com/a?q=1.", "example dot com slash a."),
        ("a@b.com", "a at b dot com"),
        ("192.168.1.1", "192 dot 168 dot 1 dot 1"),
        ("(555) 123-4567", "5 5 5, 1 2 3, 4 5 6 7"),
        ("C# and/or C++", "C sharp and or C++"),
        ("𝐛𝐨𝐥𝐝 and ｆｕｌｌ", "bold and full"),
        ("in\u200bvis\u00adible", "invisible"),
        ("ok :)", "ok "),
    ],
)
def test_what_is_short_or_code_is_said_as_people_say_it(written: str, spoken: str) -> None:
    assert speakable(written).text == spoken


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("en-gb", "3/4/2026", "the third of April twenty twenty-six"),
        ("de", "am 21. November", "am einundzwanzigsten November"),
        ("de", "3,50 €", "3 Euro 50"),
        ("de", "um 10:30 Uhr, z. B.", "um 10 Uhr 30, zum Beispiel"),
        ("de", "1.234.567", "1.234.567"),
        ("fr", "3,50 €", "3 euros 50"),
        ("fr", "1er mai à 10h30", "premier mai à 10 heures 30"),
        ("fr", "au XIXe siècle", "au dix-neuvième siècle"),
        ("es", "1 000 km", "1000 kilómetros"),
        ("es", "EE. UU., 2ª", "Estados Unidos, segunda"),
        ("pl", "$5", "$5"),
    ],
)
def test_each_language_has_its_own_tables(language: str, written: str, spoken: str) -> None:
    assert speakable(written, language).text == spoken


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("It costs $3.50, or 5 km.", ["It", "costs", "$3.50,", "or", "5", "km."]),
        ("On Nov 21, 2026 at 5pm.", ["On", "Nov", "21,", "2026", "at", "5pm."]),
        ("From 10-20 on 2026-11-21!", ["From", "10-20", "on", "2026-11-21!"]),
        ("Great 🎉 job 👍!", ["Great", "job"]),
        ("Mail a@b.com (now).", ["Mail", "a@b.com", "(now)."]),
    ],
)
def test_a_word_keeps_the_form_it_was_written_in(written: str, words: list[str]) -> None:
    assert [written[start:end] for _, (start, end) in speakable(written).words()] == words


@pytest.mark.parametrize("language", ["en", "de", "fr", "es"])
@settings(deadline=None, max_examples=60)
@given(written=SIGNS)
def test_words_are_in_order_and_do_not_overlap(language: str, written: str) -> None:
    traced = speakable(written, language)

    assert len(traced.text) == len(traced.origins)
    ranges = [written_range for _, written_range in traced.words()]
    assert all(0 <= start < end <= len(written) for start, end in ranges)
    assert all(before[1] <= after[0] for before, after in zip(ranges, ranges[1:], strict=False))


@pytest.mark.parametrize("written", ["1" * 3000, "a." * 1500, "$" * 3000, "1,111" * 600, "a*a_" * 1000, "-1 " * 1000])
@pytest.mark.timeout(20)
def test_no_rule_backtracks_without_end(written: str) -> None:
    assert speakable(written).text
