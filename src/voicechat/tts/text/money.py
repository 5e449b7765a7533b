"""Money: the unit is said behind the number, wherever its sign stands."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voicechat.tts.text.language import Language
from voicechat.tts.text.traced import Edit, Rule, rule

_SPACE = "[ \u00a0\u202f]?"

_PERIODS = (
    "month|year|week|day|hour|minute|person|user|night|Monat|Jahr|Woche|Tag|Stunde|mois|an|semaine|jour|heure"
    "|mes|año|semana|día|hora"
)


def money_rules(language: Language) -> tuple[Rule, ...]:
    """Rules for signs and codes on either side of a number, scaled ("$2 million") and in ranges ("$5-10")."""
    if not language.currencies:
        return ()
    signs = "|".join(sorted(map(re.escape, language.currencies), key=len, reverse=True))
    scales = "|".join(sorted(map(re.escape, language.scales), key=len, reverse=True)) or "(?!)"
    number = language.number
    tail = rf"(?P<gap>{_SPACE})(?P<scale>(?:{scales})\b\.?)"
    sign = rf"(?<![A-Za-z$€£])(?P<sign>{signs})"
    return (
        rule(rf"(?<![\w)])[-−](?={sign}\d)".replace("(?P<sign>", "(?:"), f"{language.minus} "),
        _ranged(rf"{sign}{_SPACE}(?P<low>{number})[-–—](?:(?P=sign))?(?P<number>{number})(?![\w-])", language),
        _scaled(rf"{sign}{_SPACE}(?P<number>{number}){tail}", language),
        _scaled(rf"(?<![\w.,])(?P<number>{number}){tail}{_SPACE}(?P<sign>{signs})(?![\w$])", language),
        _plain(rf"{sign}{_SPACE}(?P<number>{number})(?![\w]*\d)", language),
        _plain(rf"(?<![\w.,])(?P<number>{number}){_SPACE}(?P<sign>{signs})(?![\w$])", language),
        rule(rf"(?<=[a-zé])/(?=(?:{_PERIODS})\b)", f" {language.slash_per} "),
    )


def _plain(pattern: str, language: Language) -> Rule:
    def say(match: re.Match[str]) -> str:
        currency, number = language.currencies[match["sign"]], match["number"]
        units, mark, part = number.rpartition(language.decimal)
        if currency.cent is not None and mark and len(part) == 2:
            return language.say_money(units, part, currency)
        return language.counted(number, currency.unit)

    return rule(pattern, say)


def _ranged(pattern: str, language: Language) -> Rule:
    def say(match: re.Match[str]) -> str:
        noun = language.currencies[match["sign"]].unit.many
        return f"{match['low']} {language.range} {match['number']} {noun}"

    return rule(pattern, say)


def _scaled(pattern: str, language: Language) -> Rule:
    """A scale that stands apart stays a word of its own."""

    def edits(match: re.Match[str]) -> Iterator[Edit]:
        number, unit = match["number"], language.currencies[match["sign"]].unit.many
        scale = language.scales[match["scale"].rstrip(".")]
        name = scale.one if language.is_one(language.plain(number)) else scale.many
        said = language.say_scaled(number, name, unit)
        apart = match["gap"] and match.start("sign") < match.start("number") and said.startswith(f"{number} ")
        if apart:
            yield Edit(match.start(), match.end("number"), number)
            yield Edit(*match.span("scale"), said[len(number) + 1 :])
        else:
            yield Edit(*match.span(), said)

    return Rule(re.compile(pattern), edits)
