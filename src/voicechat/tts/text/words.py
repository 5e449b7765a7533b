"""Ordinals in words, by num2words."""

from __future__ import annotations

from num2words import num2words


def ordinal_words(number: int, language: str) -> str:
    """As "twenty-first", in the masculine where there is a choice."""
    return str(num2words(number, lang=language, to="ordinal"))


def year_words(year: int, language: str) -> str:
    """As "nineteen oh-five"."""
    return str(num2words(year, lang=language, to="year"))
