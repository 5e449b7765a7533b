"""German."""

from __future__ import annotations

import re

from voicechat.tts.text.language import Currency, Day, Language, Noun, Said
from voicechat.tts.text.roman import ROMAN, roman_value
from voicechat.tts.text.words import ordinal_words

_MONTHS = (
    "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
    "Dezember",
)  # fmt: skip
_MONTH_FORMS = {name.lower(): at for at, name in enumerate(_MONTHS, 1)} | {
    "jan": 1, "jän": 1, "jänner": 1, "feb": 2, "mär": 3, "apr": 4, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "sept": 9,
    "okt": 10, "nov": 11, "dez": 12,
}  # fmt: skip


def _ordinal(number: int, before: str) -> str:
    """Ends as the article in front asks for."""
    said = ordinal_words(number, "de")
    words = before.split()
    article = words[-1].lower() if words else ""
    if article in ("der", "die", "das"):
        return said
    return f"{said}r" if not article or article[-1] in ".,:;!?" else f"{said}n"


def _year(year: int) -> str | None:
    """espeak-ng says 1999 as "one thousand nine hundred"."""
    return f"{year // 100} hundert {year % 100 or ''}".strip() if 1100 <= year <= 1999 else None


def _day(day: Day) -> str:
    year = f" {_year(day.year) or day.year}" if day.year else ""
    return f"{_ordinal(day.day, day.before)} {_MONTHS[day.month - 1]}{year}"


def _parts(day: Day) -> tuple[str | None, str | None, str | None]:
    said = _ordinal(day.day, day.before) if day.day else None
    return said, _MONTHS[day.month - 1], _year(day.year) if day.year else None


def _time(hour: int, minute: int, _half: str) -> str:
    return f"{'ein' if hour == 1 else hour} Uhr {minute or ''}".strip()


def _money(units: str, cents: str, currency: Currency) -> str:
    unit, cent = currency.unit, currency.cent
    count = int(cents)
    if units in ("", "0"):
        return f"{count} {(cent.one if count == 1 else cent.many) if cent else ''}"
    said = f"{unit.a} {unit.one}" if units == "1" else f"{units} {unit.many}"
    return f"{said} {count or ''}".strip()


_CENT = Noun("Cent", "Cent", "ein")
_EURO = Currency(Noun("Euro", "Euro", "ein"), _CENT)
_DOLLAR = Currency(Noun("Dollar", "Dollar", "ein"), _CENT)
_FRANC = Currency(Noun("Franken", "Franken", "ein"), Noun("Rappen", "Rappen", "ein"))
_POUND = Currency(Noun("Pfund", "Pfund", "ein"), Noun("Penny", "Pence", "ein"))
_YEN = Currency(Noun("Yen", "Yen", "ein"))


def _masculine(**units: str) -> dict[str, Noun]:
    return {symbol: Noun(said, said, "ein") for symbol, said in units.items()}


_UNITS = {
    **_masculine(km="Kilometer", m="Meter", cm="Zentimeter", mm="Millimeter", kg="Kilogramm", g="Gramm",
    mg="Milligramm"),
    **_masculine(l="Liter", ml="Milliliter", W="Watt", kW="Kilowatt", V="Volt", Hz="Hertz", kHz="Kilohertz"),
    **_masculine(MHz="Megahertz", GHz="Gigahertz", KB="Kilobyte", MB="Megabyte", GB="Gigabyte", TB="Terabyte",
    px="Pixel"),
    "t": Noun("Tonne", "Tonnen", "eine"), "h": Noun("Stunde", "Stunden", "eine"), "Std": Noun("Stunde", "Stunden",
    "eine"),
    "Min": Noun("Minute", "Minuten", "eine"), "min": Noun("Minute", "Minuten", "eine"),
    "Sek": Noun("Sekunde", "Sekunden", "eine"), "ms": Noun("Millisekunde", "Millisekunden", "eine"),
    "km/h": Noun("Kilometer pro Stunde", "Kilometer pro Stunde", "ein"),
    "m/s": Noun("Meter pro Sekunde", "Meter pro Sekunde", "ein"), "kWh": Noun("Kilowattstunde", "Kilowattstunden",
    "eine"),
    "°C": Noun("Grad Celsius", "Grad Celsius", "ein"), "°F": Noun("Grad Fahrenheit", "Grad Fahrenheit", "ein"),
    "m²": Noun("Quadratmeter", "Quadratmeter", "ein"), "km²": Noun("Quadratkilometer", "Quadratkilometer", "ein"),
    "m³": Noun("Kubikmeter", "Kubikmeter", "ein"), "Mio.": Noun("Million", "Millionen", "eine"),
    "Mrd.": Noun("Milliarde", "Milliarden", "eine"),
}  # fmt: skip
_FRACTIONS = {
    "1/2": "ein halb",
    "1/3": "ein Drittel",
    "2/3": "zwei Drittel",
    "1/4": "ein Viertel",
    "3/4": "drei Viertel",
}


def _regnal(match: re.Match[str]) -> str:
    before = match.string[: match.start()].split()
    said = ordinal_words(roman_value(match["number"]), "de")
    return f"der {said}" if len(before) < 2 or before[-2] not in ("von", "des", "dem", "mit") else f"dem {said}n"


_ABBREVIATIONS: tuple[tuple[str, Said], ...] = (
    (r"\bz\.\s?B\.", "zum Beispiel"), (r"\bd\.\s?h\.", "das heißt"), (r"\bu\.\s?a\.", "unter anderem"),
    (r"\bi\.\s?d\.\s?R\.", "in der Regel"), (r"\bz\.\s?T\.", "zum Teil"), (r"\bv\.\s?a\.", "vor allem"),
    (r"\bo\.\s?[Ää]\.", "oder Ähnliches"), (r"\busw\.(?=\s+\S)|\busw\b", "und so weiter"),
    (r"\bbzw\b\.?", "beziehungsweise"),
    (r"\bca\b\.?", "zirka"), (r"\bNr\b\.?", "Nummer"), (r"\bHr\.", "Herr"), (r"\bHrn\.", "Herrn"),
    (r"\bFr\.(?=\s[A-Z])", "Frau"),
    (r"\bDr\.", "Doktor"), (r"\bProf\.", "Professor"), (r"\bStr\.", "Straße"), (r"(?<=[a-zäöü])str\.", "straße"),
    (r"\bgg?f\.", "gegebenenfalls"), (r"\bevtl\.", "eventuell"), (r"\binkl\.", "inklusive"), (r"\bzzgl\.",
    "zuzüglich"),
    (r"\bmax\.", "maximal"), (r"\bmin\.(?=\s?\d)", "mindestens"), (r"\bTel\.", "Telefon"), (r"\bS\.(?=\s?\d)",
    "Seite "),
    (r"\bAbs\.(?=\s?\d)", "Absatz "), (r"\bArt\.(?=\s?\d)", "Artikel "), (r"\bKap\.(?=\s?\d)", "Kapitel "),
    (r"\bvgl\.", "vergleiche"),
    (r"\bsog\.", "sogenannte"), (r"\bSt\.(?=\s[A-Z])", "Sankt"),
    (rf"(?:(?<=Ludwig )|(?<=Karl )|(?<=Heinrich )|(?<=Wilhelm )|(?<=Friedrich )|(?<=Papst Johannes Paul ))"
     rf"(?P<number>{ROMAN})\.", _regnal),
    (r"(?<![\w.])([A-Z])\.(?=\s+\S)", r"\1"),
)  # fmt: skip
_SYMBOLS: tuple[tuple[str, Said], ...] = (
    *((rf"(?<![\w/.,-]){written}(?![\w/])", said) for written, said in _FRACTIONS.items()),
    (r"(?<=\d)\s?[*×x]\s?(?=\d)", " mal "), (r"(?<=\d)\s?÷\s?(?=\d)", " geteilt durch "), (r"[~≈](?=\s?\d)",
    "ungefähr "),
    (r"(?<!\S)<(?=\s?\d)", "kleiner als "), (r"(?<!\S)>(?=\s?\d)", "größer als "), ("²", " Quadrat"), ("³",
    " hoch drei"),
    (r"\s[-=]>\s|\s?→\s?", " zu "), (r"(?<=\d) [-−] (?=\d)", " minus "),
)  # fmt: skip
_NOUNS = (
    "Mal|Platz|Klasse|Stock|Kapitel|Jahrhundert|Weltkrieg|Etage|Geburtstag|Liga|Runde|Tag|Woche|Monat|Jahr|Januar"
    "|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember"
)

GERMAN = Language(
    code="de",
    decimal=",",
    grouping=".",
    minus="minus",
    range="bis",
    slash_per="pro",
    months=_MONTH_FORMS,
    dated=(r"(?<![\w.,])(?P<day>\d{1,2}\.)\s*MONTH(?!\w)(?:\s+(?P<year>\d{4})\b)?",),
    say_day=_day,
    say_parts=_parts,
    say_year=_year,
    year_contexts=(
        r"(?:(?<=[Ss]eit )|(?<=Jahr )|(?<=Jahren )|(?<=von )|(?<=bis )|(?<=um )|(?<=[Ii]n )|(?<=und ))1[1-9]\d\d"
        r"(?![\w%]|[.,]\d|\s[A-Z€°])",
        r"(?<![\w.,/:#$€-])19\d\d(?![\w%]|[.,]\d|\s[A-Z€°])",
    ),
    ordinals=((rf"(?<![\w.,])(?P<number>\d{{1,3}})\.(?=\s+(?:[a-zäöü]|(?:{_NOUNS})))", _ordinal),),
    clock=r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?P<half>\s?Uhr\b|(?<=:\d\d))",
    say_time=_time,
    currencies={
        "€": _EURO, "EUR": _EURO, "$": _DOLLAR, "US$": _DOLLAR, "USD": _DOLLAR, "CHF": _FRANC, "£": _POUND,
        "GBP": _POUND,
        "¥": _YEN,
    },
    scales={
        "Mio": Noun("Million", "Millionen"), "Million": Noun("Million", "Millionen"),
        "Millionen": Noun("Million", "Millionen"), "Mrd": Noun("Milliarde", "Milliarden"),
        "Milliarde": Noun("Milliarde", "Milliarden"), "Milliarden": Noun("Milliarde", "Milliarden"),
        "Tsd": Noun("tausend", "tausend"),
    },
    say_money=_money,
    say_scaled=lambda number, scale, unit: f"{'eine' if number == '1' else number} {scale} {unit}",
    units=_UNITS,
    abbreviations=_ABBREVIATIONS,
    symbols=_SYMBOLS,
    spelled=frozenset(["AG", "CLI", "EDV", "EU", "FAQ", "IHK", "ICE", "IDE", "KI", "LED", "PKW", "LKW", "UKW", "UI"]),
    stops=frozenset(
        ["dr", "prof", "hr", "hrn", "fr", "st", "str", "nr", "ca", "bzw", "usw", "ggf", "gf", "evtl", "inkl", "zzgl",
        "max", "tel", "vgl", "sog", "z", "z.b", "d", "d.h", "u.a", "i.d.r", "z.t", "v.a", "o.ä", "abs", "art", "kap",
        "jan", "feb", "mär", "apr", "jun", "jul", "aug", "sep", "sept", "okt", "nov", "dez", "mio", "mrd", "tsd"]
    ),
    number_stops=frozenset(["s", "min"]),
    ordinal_stops=True,
    ordinal_nouns=re.compile(rf" (?:[a-zäöü]|(?:{_NOUNS})\b)"),
    web={
        ".": "Punkt", "/": "Schrägstrich", "@": "ät", ":": "Doppelpunkt", "_": "Unterstrich", "-": "minus",
        "+": "plus",
        "?": "Fragezeichen", "&": "und", "=": "gleich", "#": "Raute", "%": "Prozent", "~": "Tilde",
    },
)  # fmt: skip
