"""Written text made speakable, with every character traced to where it was written.

Markup, control characters and emoji are spoken as nothing. What an installation's lexicon knows comes next, then what
the language's tables say of addresses, dates, money and the like; all else is read by the engine's own rules.
"""

from __future__ import annotations

from functools import lru_cache

from voicechat.tts.text.abbreviations import abbreviation_rules, symbol_rules
from voicechat.tts.text.characters import FOREIGN_RULES, printable
from voicechat.tts.text.dates import date_rules
from voicechat.tts.text.language import Language
from voicechat.tts.text.languages import language_of
from voicechat.tts.text.markup import MARKUP_RULES
from voicechat.tts.text.money import money_rules
from voicechat.tts.text.numbers import grouping_rules, number_rules
from voicechat.tts.text.telephone import telephone_rules
from voicechat.tts.text.times import time_rules
from voicechat.tts.text.traced import UNSPACED, Range, Rule, TracedText, rule
from voicechat.tts.text.units import unit_rules
from voicechat.tts.text.web import web_rules

__all__ = ["CLOSERS", "UNSPACED", "Range", "TracedText", "speakable"]

CLOSERS = "\"'”’»)\\]}」』）】》"
"""What may follow the punctuation that ends a sentence, as the inside of a character class."""

_SPACE = (rule(r"\s+", " "),)


def speakable(text: str, language: str = "en", lexicon: tuple[Rule, ...] = ()) -> TracedText:
    """What of `text` is to be said; empty when nothing is.

    Args:
        text: As written.
        language: BCP 47 tag or espeak-ng voice; one without tables gets no normalisation.
        lexicon: Rules of the installation, applied before those of the language.
    """
    traced = printable(text).apply(MARKUP_RULES).apply(lexicon)
    return traced.apply(_rules(language)).apply(_SPACE)


@lru_cache(maxsize=64)
def _rules(tag: str) -> tuple[Rule, ...]:
    language = language_of(tag)
    return _normalisation(language) if language.web else ()


def _normalisation(language: Language) -> tuple[Rule, ...]:
    """In this order: what a rule makes, a later one may read."""
    return (
        *FOREIGN_RULES,
        *grouping_rules(language),
        *web_rules(language),
        *telephone_rules(language),
        *date_rules(language),
        *time_rules(language),
        *money_rules(language),
        *abbreviation_rules(language),
        *symbol_rules(language),
        *unit_rules(language),
        *number_rules(language),
    )
