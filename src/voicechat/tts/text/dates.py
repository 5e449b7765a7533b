"""Dates in digits and in words."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

from voicechat.tts.text.language import Day, Language
from voicechat.tts.text.traced import Edit, Rule, rule

_ISO = r"(?<![\w/.-])(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?![\w/-])"
_ISO_TIME = r"(?<=\d{4}-\d\d-\d\d)T(?=\d\d:\d\d)"
_NUMERIC = r"(?<![\w/.-])(?P<first>\d{1,2})(?P<mark>[/.])(?P<second>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})(?![\w/-])"
_STOPPED = r"(?<![\w/.-])(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?![\w-])"
_LEAP = 2000


def date_rules(language: Language) -> tuple[Rule, ...]:
    """Rules for what is surely a date; impossible days are left as they are."""
    if not language.months:
        return ()

    def say_iso(match: re.Match[str]) -> str | None:
        return _said(language, match, int(match["day"]), int(match["month"]), int(match["year"]))

    def say_numeric(match: re.Match[str]) -> str | None:
        first, second = int(match["first"]), int(match["second"])
        day, month = (first, second) if language.day_first else (second, first)
        if month > 12 >= day:
            day, month = month, day
        year = int(match["year"]) + (2000 if len(match["year"]) == 2 else 0)
        return _said(language, match, day, month, year)

    def say_stopped(match: re.Match[str]) -> str | None:
        return _said(language, match, int(match["day"]), int(match["month"]), None)

    return (
        rule(_ISO_TIME, " "),
        rule(_ISO, say_iso),
        rule(_NUMERIC, say_numeric),
        *((rule(_STOPPED, say_stopped),) if language.ordinal_stops else ()),
        *(_worded(pattern, language) for pattern in language.dated),
    )


def _said(language: Language, match: re.Match[str], day: int, month: int, year: int | None) -> str | None:
    try:
        dt.date(year or _LEAP, month, day)
    except ValueError:
        return None
    return language.say_day(Day(day, month, year, match.string[: match.start()]))


def _worded(pattern: str, language: Language) -> Rule:
    """Day, month and year stay the words that they are: each is said in its own place."""
    names = "|".join(sorted(map(re.escape, language.months), key=len, reverse=True))
    compiled = re.compile(pattern.replace("MONTH", rf"(?P<name>(?P<month>{names})\b\.?)"), re.IGNORECASE)

    def edits(match: re.Match[str]) -> Iterator[Edit]:
        if language.capital_months and match["month"][0].islower():
            return
        said = dict(zip(("day", "name", "year"), language.say_parts(_written_day(match, language)), strict=True))
        present = [name for name in said if match.groupdict().get(name) and said[name] is not None]
        for name in sorted(present, key=match.start):
            stop = "." if name == "name" and _ends_text(match) else ""
            yield Edit(*match.span(name), f"{said[name]}{stop}")

    return Rule(compiled, edits)


def _ends_text(match: re.Match[str]) -> bool:
    """Whether the full stop of a month is the text's too."""
    return match["name"].endswith(".") and match.end("name") == len(match.string)


def _written_day(match: re.Match[str], language: Language) -> Day:
    groups = match.groupdict()
    day = re.sub(r"\D", "", groups.get("day") or "")
    year = groups.get("year")
    return Day(
        int(day or 0),
        language.months[match["month"].lower()],
        int(year) if year else None,
        match.string[: match.start()],
        leads=bool(day) and match.start("day") < match.start("month"),
    )
