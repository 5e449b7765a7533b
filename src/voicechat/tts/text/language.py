"""What a language says for what is written: the tables that each module of `languages` fills."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Said = str | Callable[[re.Match[str]], str | None]
"""What a match is said as: a template as of `re.Match.expand`, or a function; None leaves it."""


@dataclass(frozen=True, slots=True)
class Noun:
    """A thing counted: of one, and of any other number; `a` is said for 1 where the number is not ("ein Euro")."""

    one: str
    many: str
    a: str = ""


@dataclass(frozen=True, slots=True)
class Currency:
    """`cent` None: its fractions are read as decimals."""

    unit: Noun
    cent: Noun | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """A day as far as it is written, 0 for a month alone.

    `before` is the text in front of it; `leads` says that it stands before its month.
    """

    day: int
    month: int
    year: int | None
    before: str = ""
    leads: bool = False


@dataclass(frozen=True, slots=True)
class Language:
    """Everything that normalisation knows of one language.

    Attributes:
        code: ISO 639-1.
        decimal: The decimal mark.
        grouping: What divides thousands, as the inside of a character class.
        minus: Said for the sign of "-5".
        range: Said for the dash of "5-10".
        slash_per: Said for the slash of "$5/day".
        is_one: Whether a number, with "." as its decimal mark, takes the singular.
        months: Every written form, in lower case and without its full stop, to the month's number.
        capital_months: Whether "may" and "march" are no months.
        day_first: Whether 3/4/2026 is the third of April.
        dated: Patterns of dates in words with the groups `day` and `year`, where there are any, and MONTH.
        say_day: A date in digits, in words; None leaves what is written.
        say_parts: What is said for day, month and year of a date in words; None leaves one as it is written.
        say_year: A year that is read otherwise than as a number; None where it is not.
        year_contexts: Patterns of what is surely a year.
        ordinals: Pairs of a pattern with the group `number`, and what is said given it and the text in front.
        clock: Pattern of times of day with the groups `hour`, `minute` and `half` ("pm", "Uhr").
        say_time: Hour, minute and half, in words; None leaves what is written.
        currencies: By sign and by code.
        scales: What stands between number and currency.
        say_money: Units and hundredths, both in digits, of a currency.
        say_scaled: Number, scale and currency.
        units: By symbol.
        abbreviations: Pairs of pattern and said.
        symbols: The same, for signs.
        spelled: Words in capitals that people spell and espeak-ng does not.
        stops: Words whose full stop ends no sentence, in lower case and without their last full stop.
        number_stops: The same where a digit follows.
        ordinal_stops: Whether a full stop makes a number an ordinal.
        ordinal_nouns: What follows such an ordinal within its sentence, with the space in between.
        web: What is said for the marks of addresses.
    """

    code: str
    decimal: str = "."
    grouping: str = ","
    minus: str = "minus"
    range: str = "to"
    slash_per: str = "per"
    is_one: Callable[[str], bool] = lambda number: number == "1"
    months: Mapping[str, int] = field(default_factory=dict)
    capital_months: bool = False
    day_first: bool = True
    dated: tuple[str, ...] = ()
    say_day: Callable[[Day], str | None] = lambda _day: None
    say_parts: Callable[[Day], tuple[str | None, str | None, str | None]] = lambda _day: (None, None, None)
    say_year: Callable[[int], str | None] = lambda _year: None
    year_contexts: tuple[str, ...] = ()
    ordinals: tuple[tuple[str, Callable[[int, str], str | None]], ...] = ()
    say_time: Callable[[int, int, str], str | None] = lambda _hour, _minute, _half: None
    clock: str = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?P<half>)"
    currencies: Mapping[str, Currency] = field(default_factory=dict)
    scales: Mapping[str, Noun] = field(default_factory=dict)
    say_money: Callable[[str, str, Currency], str] = lambda units, _cents, _currency: units
    say_scaled: Callable[[str, str, str], str] = lambda number, scale, unit: f"{number} {scale} {unit}"
    units: Mapping[str, Noun] = field(default_factory=dict)
    abbreviations: tuple[tuple[str, Said], ...] = ()
    symbols: tuple[tuple[str, Said], ...] = ()
    spelled: frozenset[str] = frozenset()
    stops: frozenset[str] = frozenset()
    number_stops: frozenset[str] = frozenset()
    ordinal_stops: bool = False
    ordinal_nouns: re.Pattern[str] = re.compile("(?!)")
    web: Mapping[str, str] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """A number without sign, as a pattern without groups."""
        return rf"(?:\d{{1,3}}(?:[{self.grouping}]\d{{3}})+(?!\d)|\d+)(?:{'[' + self.decimal + ']'}\d+)?"

    def counted(self, number: str, noun: Noun) -> str:
        """A number, as it is written, of things."""
        plain = self.plain(number)
        if not self.is_one(plain):
            return f"{number} {noun.many}"
        return f"{noun.a if noun.a and plain == '1' else number} {noun.one}"

    def plain(self, number: str) -> str:
        """A matched number without grouping and with "." as its decimal mark."""
        whole, mark, part = number.rpartition(self.decimal)
        whole, part = (whole, part) if mark else (part, "")
        digits = "".join(char for char in whole if char.isdigit())
        return f"{digits}.{part}" if part else digits
