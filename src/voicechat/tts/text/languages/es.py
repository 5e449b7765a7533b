"""Spanish."""

from __future__ import annotations

import re

from voicechat.tts.text.language import Currency, Day, Language, Noun, Said
from voicechat.tts.text.roman import ROMAN, roman_value
from voicechat.tts.text.words import ordinal_words

_MONTHS = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre",
    "diciembre",
)  # fmt: skip
_MONTH_FORMS = {name: at for at, name in enumerate(_MONTHS, 1)} | {
    "ene": 1, "feb": 2, "mar": 3, "abr": 4, "jun": 6, "jul": 7, "ago": 8, "sept": 9, "sep": 9, "oct": 10, "nov": 11,
    "dic": 12,
}  # fmt: skip


def _day(day: Day) -> str:
    year = f" de {day.year}" if day.year else ""
    return f"{'primero' if day.day == 1 else day.day} de {_MONTHS[day.month - 1]}{year}"


def _parts(day: Day) -> tuple[str | None, str | None, str | None]:
    return "primero" if day.day == 1 else None, _MONTHS[day.month - 1], None


def _masculine(number: int, _before: str) -> str:
    return ordinal_words(number, "es")


def _feminine(number: int, _before: str) -> str:
    return " ".join(word[:-1] + "a" if word.endswith("o") else word for word in ordinal_words(number, "es").split())


def _regnal(match: re.Match[str]) -> str:
    value = roman_value(match.group())
    return ordinal_words(value, "es") if value <= 10 else str(value)


def _counted(match: re.Match[str]) -> str:
    return str(roman_value(match.group()))


def _time(hour: int, minute: int, half: str) -> str:
    if minute == 0:
        return f"{hour} horas" if half else f"{hour} en punto"
    return f"{hour} y {minute}" if minute < 10 else f"{hour} {minute}"


def _money(units: str, cents: str, currency: Currency) -> str:
    unit, cent = currency.unit, currency.cent
    count = int(cents)
    hundredths = f"{count} {(cent.one if count == 1 else cent.many) if cent else ''}"
    if units in ("", "0"):
        return hundredths
    said = f"{unit.a} {unit.one}" if units == "1" else f"{units} {unit.many}"
    return said if count == 0 else f"{said} con {hundredths}"


_CENT = Noun("céntimo", "céntimos", "un")
_EURO = Currency(Noun("euro", "euros", "un"), _CENT)
_DOLLAR = Currency(Noun("dólar", "dólares", "un"), Noun("centavo", "centavos", "un"))
_POUND = Currency(Noun("libra", "libras", "una"), Noun("penique", "peniques", "un"))


def _masculine_units(**units: str) -> dict[str, Noun]:
    return {symbol: Noun(said, f"{said}s", "un") for symbol, said in units.items()}


_UNITS = {
    **_masculine_units(km="kilómetro", m="metro", cm="centímetro", mm="milímetro", kg="kilogramo", g="gramo",
    mg="miligramo"),
    **_masculine_units(l="litro", L="litro", ml="mililitro", W="vatio", kW="kilovatio", V="voltio", KB="kilobyte"),
    **_masculine_units(MB="megabyte", GB="gigabyte", TB="terabyte", min="minuto", ms="milisegundo"),
    "t": Noun("tonelada", "toneladas", "una"), "h": Noun("hora", "horas", "una"), "px": Noun("píxel", "píxeles",
    "un"),
    "Hz": Noun("hercio", "hercios", "un"), "MHz": Noun("megahercio", "megahercios", "un"),
    "GHz": Noun("gigahercio", "gigahercios", "un"), "kWh": Noun("kilovatio hora", "kilovatios hora", "un"),
    "km/h": Noun("kilómetro por hora", "kilómetros por hora", "un"),
    "°C": Noun("grado Celsius", "grados Celsius", "un"), "°F": Noun("grado Fahrenheit", "grados Fahrenheit", "un"),
    "m²": Noun("metro cuadrado", "metros cuadrados", "un"), "km²": Noun("kilómetro cuadrado", "kilómetros cuadrados",
    "un"),
    "m³": Noun("metro cúbico", "metros cúbicos", "un"),
}  # fmt: skip
_FRACTIONS = {"1/2": "un medio", "1/3": "un tercio", "2/3": "dos tercios", "1/4": "un cuarto", "3/4": "tres cuartos"}
_KINGS = "Felipe|Alfonso|Carlos|Fernando|Isabel|Juan Pablo|Benedicto|Enrique|Luis"
_ABBREVIATIONS: tuple[tuple[str, Said], ...] = (
    (r"\bp\.\s?ej\.", "por ejemplo"), (r"\bEE\.?\s?UU\.?", "Estados Unidos"), (r"\b[Nn]\.?[º°]\s?(?=\d)", "número "),
    (r"\bnúm\.", "número"), (r"\bSr\.", "señor"), (r"\bSra\.", "señora"), (r"\bSrta\.", "señorita"), (r"\bSres\.",
    "señores"),
    (r"\bDr\.", "doctor"), (r"\bDra\.", "doctora"), (r"\bUd\.", "usted"), (r"\bUds\.", "ustedes"), (r"\bpág\.",
    "página"),
    (r"\bAvda?\.", "avenida"), (r"\bC/\s?(?=[A-ZÁÉÍÓÚ])", "calle "), (r"\bmáx\.", "máximo"), (r"\bmín\.", "mínimo"),
    (r"\baprox\.", "aproximadamente"), (r"\btel\.", "teléfono"), (r"\betc\.(?=\s+[a-z]|[,;)])", "etcétera"),
    (rf"(?:{'|'.join(f'(?<={name} )' for name in _KINGS.split('|'))}){ROMAN}(?!\w)", _regnal),
    (rf"(?<=[Ss]iglo ){ROMAN}(?!\w)", _counted),
    (r"(?<![\w.])([A-Z])\.(?=\s+\S)", r"\1"),
)  # fmt: skip
_SYMBOLS: tuple[tuple[str, Said], ...] = (
    *((rf"(?<![\w/.,-]){written}(?![\w/])", said) for written, said in _FRACTIONS.items()),
    (r"#(?=\d)", "número "), (r"\s&\s", " y "), (r"(?<=\d)\s?[*×x]\s?(?=\d)", " por "),
    (r"(?<=\d)\s?÷\s?(?=\d)", " dividido entre "), (r"(?<=\d)\s?\+\s?(?=\d)", " más "), (r"(?<=\d)\s?=\s?(?=\d)",
    " igual a "),
    (r"(?<=\d) [-−] (?=\d)", " menos "), (r"[~≈](?=\s?\d)", "unos "), (r"(?<!\S)<(?=\s?\d)", "menos de "),
    (r"(?<!\S)>(?=\s?\d)", "más de "), ("²", " al cuadrado"), ("³", " al cubo"), (r"\s[-=]>\s|\s?→\s?", " a "),
    (r"(?<=\d)/(?=\d)", " barra "),
)  # fmt: skip

SPANISH = Language(
    code="es",
    decimal=",",
    grouping=". \u00a0\u202f",
    minus="menos",
    range="a",
    slash_per="por",
    months=_MONTH_FORMS,
    dated=(r"(?<![\w.,])(?P<day>\d{1,2})\s+(?:de\s+)?MONTH(?!\w)(?:\s+(?:de\s+|del\s+)?(?P<year>\d{4})\b)?",),
    say_day=_day,
    say_parts=_parts,
    ordinals=(
        (r"(?<![\w.,])(?P<number>\d{1,3})\.?[º°](?!\s?[CF])", _masculine),
        (r"(?<![\w.,])(?P<number>\d{1,3})\.?ª", _feminine),
        (r"(?<![\w.,])(?P<number>[13])\.?er\b", lambda number, _before: "primer" if number == 1 else "tercer"),
    ),
    clock=r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?P<half>\s?h\b)?",
    say_time=_time,
    currencies={
        "€": _EURO, "EUR": _EURO, "$": _DOLLAR, "US$": _DOLLAR, "USD": _DOLLAR, "£": _POUND, "GBP": _POUND,
        "¥": Currency(Noun("yen", "yenes", "un")), "MXN": Currency(Noun("peso mexicano", "pesos mexicanos", "un")),
    },
    scales={
        "M": Noun("millón", "millones"), "millón": Noun("millón", "millones"), "millones": Noun("millón", "millones"),
        "mil": Noun("mil", "mil"),
    },
    say_money=_money,
    say_scaled=lambda number, scale, unit: f"{number} {scale} {'' if scale == 'mil' else 'de '}{unit}",
    units=_UNITS,
    abbreviations=_ABBREVIATIONS,
    symbols=_SYMBOLS,
    spelled=frozenset(["CLI", "FAQ", "IDE", "UE", "UI"]),
    stops=frozenset(
        ["sr", "sra", "srta", "sres", "dr", "dra", "ud", "uds", "p", "ej", "p.ej", "etc", "ee", "uu", "ee.uu", "núm",
        "pág", "avd", "avda", "máx", "mín", "aprox", "tel", "n", "ene", "feb", "abr", "jun", "jul", "ago", "sep",
        "sept", "oct", "nov", "dic"]
    ),
    web={
        ".": "punto", "/": "barra", "@": "arroba", ":": "dos puntos", "_": "guión bajo", "-": "guión", "+": "más",
        "?": "interrogación", "&": "y", "=": "igual", "#": "almohadilla", "%": "por ciento", "~": "tilde",
    },
)  # fmt: skip
