"""French."""

from __future__ import annotations

import re

from voicechat.tts.text.language import Currency, Day, Language, Noun, Said
from voicechat.tts.text.roman import ROMAN, roman_value
from voicechat.tts.text.words import ordinal_words

_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip
_MONTH_FORMS = {name: at for at, name in enumerate(_MONTHS, 1)} | {
    "janv": 1, "févr": 2, "avr": 4, "juil": 7, "sept": 9, "oct": 10, "nov": 11, "déc": 12,
}  # fmt: skip


def _day(day: Day) -> str:
    return f"{'premier' if day.day == 1 else day.day} {_MONTHS[day.month - 1]} {day.year or ''}".strip()


def _parts(day: Day) -> tuple[str | None, str | None, str | None]:
    return "premier" if day.day == 1 else None, _MONTHS[day.month - 1], None


def _ordinal(number: int, _before: str) -> str:
    return ordinal_words(number, "fr")


def _century(match: re.Match[str]) -> str:
    return ordinal_words(roman_value(match["number"]), "fr")


def _regnal(match: re.Match[str]) -> str:
    value = roman_value(match.group())
    return "premier" if value == 1 else str(value)


def _time(hour: int, minute: int, _half: str) -> str:
    return f"{'une' if hour == 1 else hour} {'heure' if hour < 2 else 'heures'} {minute or ''}".strip()


def _money(units: str, cents: str, currency: Currency) -> str:
    unit, cent = currency.unit, currency.cent
    count = int(cents)
    if units in ("", "0"):
        return f"{count} {(cent.one if count < 2 else cent.many) if cent else ''}"
    said = f"{unit.a} {unit.one}" if units == "1" else f"{units} {unit.many}"
    return f"{said} {count or ''}".strip()


def _scaled(number: str, scale: str, unit: str) -> str:
    return f"{number} {scale} " + (f"d'{unit}" if unit[0] in "aeiouyé" else f"de {unit}")


_CENT = Noun("centime", "centimes", "un")
_EURO = Currency(Noun("euro", "euros", "un"), _CENT)
_DOLLAR = Currency(Noun("dollar", "dollars", "un"), Noun("cent", "cents", "un"))
_POUND = Currency(Noun("livre", "livres", "une"), Noun("penny", "pence", "un"))
_FRANC = Currency(Noun("franc suisse", "francs suisses", "un"), _CENT)


def _masculine(**units: str) -> dict[str, Noun]:
    return {symbol: Noun(said, f"{said}s", "un") for symbol, said in units.items()}


_UNITS = {
    **_masculine(km="kilomètre", m="mètre", cm="centimètre", mm="millimètre", kg="kilogramme", g="gramme",
    mg="milligramme"),
    **_masculine(l="litre", L="litre", ml="millilitre", W="watt", kW="kilowatt", V="volt", Ko="kilooctet",
    Mo="mégaoctet"),
    **_masculine(Go="gigaoctet", To="téraoctet", px="pixel"),
    "t": Noun("tonne", "tonnes", "une"), "min": Noun("minute", "minutes", "une"), "ms": Noun("milliseconde",
    "millisecondes", "une"),
    "Hz": Noun("hertz", "hertz"), "kHz": Noun("kilohertz", "kilohertz"), "MHz": Noun("mégahertz", "mégahertz"),
    "GHz": Noun("gigahertz", "gigahertz"), "km/h": Noun("kilomètre à l'heure", "kilomètres à l'heure", "un"),
    "kWh": Noun("kilowattheure", "kilowattheures", "un"), "°C": Noun("degré Celsius", "degrés Celsius", "un"),
    "°F": Noun("degré Fahrenheit", "degrés Fahrenheit", "un"), "m²": Noun("mètre carré", "mètres carrés", "un"),
    "km²": Noun("kilomètre carré", "kilomètres carrés", "un"), "m³": Noun("mètre cube", "mètres cubes", "un"),
}  # fmt: skip
_FRACTIONS = {"1/2": "un demi", "1/3": "un tiers", "2/3": "deux tiers", "1/4": "un quart", "3/4": "trois quarts"}
_KINGS = "Louis|Henri|Charles|François|Napoléon|Philippe|Jean-Paul|Benoît|Élisabeth"
_ABBREVIATIONS: tuple[tuple[str, Said], ...] = (
    (r"\bM\.(?=\s[A-ZÉ])", "Monsieur"), (r"\bMM\.(?=\s[A-ZÉ])", "Messieurs"), (r"\bMlle\b", "Mademoiselle"),
    (r"\bDr\.(?=\s[A-ZÉ])", "Docteur"), (r"\bPr\.?(?=\s[A-ZÉ])", "Professeur"), (r"\bp\.\s?ex\.", "par exemple"),
    (r"\bc\.?-à-d\.?", "c'est-à-dire"), (r"\b[Nn][°º]\s?(?=\d)", "numéro "), (r"\bav\.(?=\s[A-ZÉ])", "avenue"),
    (r"\bbd\.?(?=\s[A-ZÉ])", "boulevard"), (r"\benv\.", "environ"), (r"\bSt[ -](?=[A-ZÉ])", "Saint "),
    (r"\bSte[ -](?=[A-ZÉ])", "Sainte "), (r"\b[Ss]\.?v\.?p\b\.?", "s'il vous plaît"), (r"\bp\.(?=\s?\d)", "page "),
    (r"\b[Tt]él\.", "téléphone"), (r"\bmax\.", "maximum"), (r"\bvol\.(?=\s?\d)", "volume "),
    (rf"(?<!\w)(?P<number>{ROMAN})(?:e|è|ème|ᵉ)(?=\s+si[èe]cle)", _century),
    (rf"(?:{'|'.join(f'(?<={name} )' for name in _KINGS.split('|'))}){ROMAN}(?!\w)", _regnal),
    (r"\bIer\b", "premier"),
    (r"(?<![\w.])([A-Z])\.(?=\s+\S)", r"\1"),
)  # fmt: skip
_SYMBOLS: tuple[tuple[str, Said], ...] = (
    *((rf"(?<![\w/.,-]){written}(?![\w/])", said) for written, said in _FRACTIONS.items()),
    (r"#(?=\d)", "numéro "), (r"(?<=\d)\s?[*×x]\s?(?=\d)", " fois "), (r"(?<=\d)\s?÷\s?(?=\d)", " divisé par "),
    (r"(?<=\d)\s?\+\s?(?=\d)", " plus "), (r"(?<=\d)\s?=\s?(?=\d)", " égale "), (r"(?<=\d) [-−] (?=\d)", " moins "),
    (r"[~≈](?=\s?\d)", "environ "), (r"(?<!\S)<(?=\s?\d)", "moins de "), (r"(?<!\S)>(?=\s?\d)", "plus de "),
    ("²", " au carré"), ("³", " au cube"), (r"\s[-=]>\s|\s?→\s?", " vers "),
)  # fmt: skip

FRENCH = Language(
    code="fr",
    decimal=",",
    grouping=". \u00a0\u202f",
    minus="moins",
    range="à",
    slash_per="par",
    is_one=lambda number: float(number) < 2,
    months=_MONTH_FORMS,
    dated=(r"(?<![\w.,])(?P<day>\d{1,2}(?:er)?)\s+MONTH(?!\w)(?:\s+(?P<year>\d{4})\b)?",),
    say_day=_day,
    say_parts=_parts,
    ordinals=(
        (r"(?<![\w.,])(?P<number>1)(?:re|ère)\b", lambda _number, _before: "première"),
        (r"(?<![\w.,])(?P<number>2)nde?\b", lambda _number, _before: "second"),
        (r"(?<![\w.,])(?P<number>\d{1,3})(?:e|è|ème|ᵉ)\b", _ordinal),
    ),
    clock=r"(?P<hour>\d{1,2})(?:\s?[hH]\b\s?|\s?[hH](?=\d)|:(?=\d\d))(?P<minute>\d{2})?(?P<half>)",
    say_time=_time,
    currencies={
        "€": _EURO, "EUR": _EURO, "$": _DOLLAR, "US$": _DOLLAR, "USD": _DOLLAR, "£": _POUND, "GBP": _POUND,
        "CHF": _FRANC,
        "¥": Currency(Noun("yen", "yens", "un")),
    },
    scales={
        "M": Noun("million", "millions"), "million": Noun("million", "millions"), "millions": Noun("million",
        "millions"),
        "Md": Noun("milliard", "milliards"), "milliard": Noun("milliard", "milliards"),
        "milliards": Noun("milliard", "milliards"),
    },
    say_money=_money,
    say_scaled=_scaled,
    units=_UNITS,
    abbreviations=_ABBREVIATIONS,
    symbols=_SYMBOLS,
    spelled=frozenset(["CLI", "FAQ", "IA", "IDE", "LED", "UE", "UI"]),
    stops=frozenset(
        ["m", "mm", "mme", "mlle", "dr", "pr", "p", "p.ex", "ex", "c.-à-d", "etc", "av", "bd", "env", "tél", "max",
        "vol", "janv", "févr", "avr", "juil", "sept", "oct", "nov", "déc", "cf"]
    ),
    web={
        ".": "point", "/": "slash", "@": "arobase", ":": "deux points", "_": "tiret bas", "-": "tiret", "+": "plus",
        "?": "point d'interrogation", "&": "et", "=": "égale", "#": "dièse", "%": "pour cent", "~": "tilde",
    },
)  # fmt: skip
