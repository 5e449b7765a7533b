from __future__ import annotations

from pathlib import Path

import pytest

from voicechat.tts.engine import EngineError
from voicechat.tts.engines.piper.phonemes import EspeakPhonemes, phonemes_of
from voicechat.tts.speakable import speakable
from voicechat.tts.text.lexicon_file import LexiconError, parse_pronunciations, read_pronunciations

EXAMPLE = Path(__file__).parents[3] / "configs" / "lexicon.yaml"


def said(text: str, lexicon: str, language: str = "en-us") -> str:
    return speakable(text, language, parse_pronunciations(lexicon).for_language(language).rules).text


def test_a_word_in_small_letters_is_found_however_it_is_written() -> None:
    assert said("nginx, Nginx and NGINX's", "en: {nginx: engine x}") == "engine x, engine x and engine x's"


def test_a_word_with_a_capital_is_found_only_as_it_stands() -> None:
    assert said("Polish the Polish", "en: {Polish: Poh lish}") == "Poh lish the Poh lish"
    assert said("polish the Polish", "en: {Polish: Poh lish}") == "polish the Poh lish"


def test_case_can_be_said() -> None:
    assert said("SIOBHAN", "en: {Siobhan: {say: shivawn, case: any}}") == "shivawn"
    assert said("Us and us", "en: {us: {say: you ess, case: exact}}") == "Us and you ess"


def test_nothing_is_found_inside_a_word_or_an_address() -> None:
    lexicon = "en: {joe: jo}"
    assert said("joey, joe@b.com, joe.com", lexicon) == "joey, joe at b dot com, joe dot com"


def test_the_longest_entry_counts() -> None:
    assert said("New  Orleans, New York", "en: {New Orleans: Nawlins, New: nu}") == "Nawlins, nu York"


def test_the_nearer_language_counts() -> None:
    lexicon = "all: {tomato: x}\nen: {tomato: y}\nen-gb: {tomato: z}"
    assert [said("tomato", lexicon, language) for language in ("fr", "en-us", "en-GB")] == ["x", "y", "z"]


def test_an_entry_comes_before_the_tables_of_the_language() -> None:
    assert said("911 and $5", 'en: {"911": nine eleven}') == "nine eleven and 5 dollars"


@pytest.fixture(scope="module")
def espeak() -> EspeakPhonemes:
    return EspeakPhonemes("en-us", None, parse_pronunciations('en: {Nguyen: "[[wˈɪn]]", gif: {ipa: "dʒ\'ɪf"}}'))


@pytest.mark.parametrize(
    ("text", "phonemes"),
    [
        ("Nguyen", "wˈɪn"),
        ("The Nguyen-like gif, and Nguyen's!", "ðə wˈɪnlˈaɪk dʒˈɪf, ænd wˈɪnz!"),
    ],
)
def test_ipa_is_heard_as_it_stands_within_its_sentence(text: str, phonemes: str, espeak: EspeakPhonemes) -> None:
    heard = phonemes_of(text, espeak).phonemes
    assert heard.replace("ˌ", "") == phonemes.replace("ˌ", "")


def test_a_word_in_ipa_keeps_its_written_form_and_place(espeak: EspeakPhonemes) -> None:
    text = "Mr. Nguyen, a gif."
    spoken = phonemes_of(text, espeak)
    heard = [(text[slice(*word.written)], spoken.phonemes[word.start : word.end]) for word in spoken.words]
    assert heard == [("Mr.", "mˈɪstɚ"), ("Nguyen,", "wˈɪn"), ("a", "ɐ"), ("gif.", "dʒˈɪf")]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "en:\n  a: {sya: b}",
            "lexicon, line 2: 'a' has an unknown key 'sya'; allowed are say, ipa, case; did you mean",
        ),
        (
            "en:\n  a: {say: b, case: exakt}",
            "line 2: case of 'a' is 'exakt'; allowed are any, exact; did you mean exact?",
        ),
        ("en:\n\n  a: {ipa: ß}", "line 3: the IPA of 'a' has 'ß' (U+00DF)"),
        ("english!: {}", "line 1: 'english!' is no language"),
        ("en: [a]", "line 1: here must be a mapping of words"),
        ("en:\n  a: b\n  a: c", "line 3: 'a' stands here twice"),
        ("en: {a: }", "line 1: 'a' is said as '', which has no letter or digit"),
        ("en: {a: {say: b, ipa: c}}", "line 1: 'a' needs either say (letters) or ipa"),
        ("a: b: c", "line 1: not YAML"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_word(text: str, error: str) -> None:
    with pytest.raises(LexiconError) as raised:
        parse_pronunciations(text)
    assert error in str(raised.value)


def test_a_missing_file_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"worker\.lexicon"):
        read_pronunciations(tmp_path / "none.yaml")


def test_no_file_and_an_empty_one_change_nothing() -> None:
    assert read_pronunciations(None).for_language("en").rules == ()
    assert parse_pronunciations("").for_language("en").rules == ()


def test_the_example_is_right() -> None:
    rules = read_pronunciations(EXAMPLE).for_language("en-us").rules
    assert speakable("nginx and SQL", "en-us", rules).text == "engine x and sequel"
