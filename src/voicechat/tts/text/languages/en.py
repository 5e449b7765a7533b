"""English: American and British."""

from __future__ import annotations

import dataclasses

from voicechat.tts.text.language import Currency, Day, Language, Noun
from voicechat.tts.text.languages.english_signs import ABBREVIATIONS, SYMBOLS
from voicechat.tts.text.words import ordinal_words, year_words

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_MONTH_FORMS = (
    {name.lower(): at for at, name in enumerate(_MONTHS, 1)}
    | {name[:3].lower(): at for at, name in enumerate(_MONTHS, 1)}
    | {"sept": 9}
)


def _year(year: int) -> str:
    return year_words(year, "en") if not 2000 <= year <= 2009 else f"two thousand {year - 2000 or ''}".strip()


def _american_day(day: Day) -> str:
    year = f", {_year(day.year)}" if day.year else ""
    return f"{_MONTHS[day.month - 1]} {ordinal_words(day.day, 'en')}{year}"


def _british_day(day: Day) -> str:
    year = f" {_year(day.year)}" if day.year else ""
    return f"the {ordinal_words(day.day, 'en')} of {_MONTHS[day.month - 1]}{year}"


def _parts(day: Day) -> tuple[str | None, str | None, str | None]:
    said = ordinal_words(day.day, "en") if day.day else None
    if said and day.leads:
        said = said if day.before.rstrip().lower().endswith("the") else f"the {said}"
        said = f"{said} of"
    return said, _MONTHS[day.month - 1], _year(day.year) if day.year else None


def _ordinal(number: int, _before: str) -> str:
    return ordinal_words(number, "en")


def _time(hour: int, minute: int, half: str) -> str:
    if minute == 0:
        return str(hour) if half else f"{hour} o'clock" if 0 < hour <= 12 else f"{hour} hundred"
    return f"{hour} oh {minute}" if minute < 10 else f"{hour} {minute}"


def _money(units: str, cents: str, currency: Currency) -> str:
    unit, cent = currency.unit, currency.cent
    count = int(cents)
    hundredths = f"{count} {(cent.one if count == 1 else cent.many) if cent else ''}"
    if units in ("", "0"):
        return hundredths
    said = f"{units} {unit.one if units == '1' else unit.many}"
    return said if count == 0 else f"{said} and {hundredths}"


_CENT = Noun("cent", "cents")
_DOLLAR = Currency(Noun("dollar", "dollars"), _CENT)
_EURO = Currency(Noun("euro", "euros"), _CENT)
_POUND = Currency(Noun("pound", "pounds"), Noun("penny", "pence"))
_YEN = Currency(Noun("yen", "yen"))
_RUPEE = Currency(Noun("rupee", "rupees"))
_CURRENCIES = {
    "$": _DOLLAR, "US$": _DOLLAR, "USD": _DOLLAR, "€": _EURO, "EUR": _EURO, "£": _POUND, "GBP": _POUND,
    "¥": _YEN, "JPY": _YEN, "₹": _RUPEE, "INR": _RUPEE,
    "CHF": Currency(Noun("Swiss franc", "Swiss francs")), "₩": Currency(Noun("won", "won")),
    "¢": Currency(_CENT), "₿": Currency(Noun("bitcoin", "bitcoins")),
    "C$": Currency(Noun("Canadian dollar", "Canadian dollars"), _CENT),
    "CAD": Currency(Noun("Canadian dollar", "Canadian dollars"), _CENT),
    "A$": Currency(Noun("Australian dollar", "Australian dollars"), _CENT),
    "AUD": Currency(Noun("Australian dollar", "Australian dollars"), _CENT),
}  # fmt: skip
_SCALES = {
    short: Noun(name, name)
    for name, shorts in {
        "thousand": ("thousand", "K", "k"),
        "million": ("million", "M", "m", "mn"),
        "billion": ("billion", "B", "bn"),
        "trillion": ("trillion", "T", "tn"),
    }.items()
    for short in shorts
}


def _units(table: dict[str, str]) -> dict[str, Noun]:
    return {
        symbol: Noun(*(said.split("|") if "|" in said else (said, f"{said}s")))
        for symbols, said in table.items()
        for symbol in symbols.split(" | ")
    }


_UNITS = _units(
    {
        "km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "nm": "nanometer",
        "µm | μm": "micrometer", "mi": "mile", "yd | yds": "yard", "ft": "foot|feet", "kg": "kilogram", "g": "gram",
        "mg": "milligram", "µg | μg": "microgram", "lb | lbs": "pound", "oz": "ounce", "L | l": "liter",
        "ml | mL": "milliliter", "gal": "gallon", "tsp": "teaspoon", "tbsp": "tablespoon",
        "km/h | kph | kmh": "kilometer per hour|kilometers per hour", "mph": "mile per hour|miles per hour",
        "m/s": "meter per second|meters per second", "°C | ℃": "degree Celsius|degrees Celsius",
        "°F | ℉": "degree Fahrenheit|degrees Fahrenheit", "km² | km2": "square kilometer", "m² | m2": "square meter",
        "cm²": "square centimeter", "m³ | m3": "cubic meter", "sq ft": "square foot|square feet",
        "Hz": "hertz|hertz", "kHz": "kilohertz|kilohertz", "MHz": "megahertz|megahertz", "GHz": "gigahertz|gigahertz",
        "KB | kB": "kilobyte", "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte", "PB": "petabyte",
        "kbps": "kilobit per second|kilobits per second", "Mbps": "megabit per second|megabits per second",
        "Gbps": "gigabit per second|gigabits per second", "W": "watt", "kW": "kilowatt", "MW": "megawatt",
        "GW": "gigawatt", "kWh": "kilowatt hour", "V": "volt", "mA": "milliamp", "mAh": "milliamp hour",
        "dB": "decibel", "px": "pixel", "dpi": "dot per inch|dots per inch",
        "fps": "frame per second|frames per second",
        "rpm": "revolution per minute|revolutions per minute", "ms": "millisecond", "sec | secs": "second",
        "min | mins": "minute", "h | hr | hrs": "hour", "kcal": "kilocalorie", "cal": "calorie", "psi": "P S I|P S I",
        "‰": "per mil|per mil",
    }
)  # fmt: skip


def _behind(*words: str) -> str:
    return "(?i:" + "|".join(rf"(?<=\b{word} )" for word in words) + ")"


_SMALL_WORDS = (
    "and|or|but|to|was|is|were|had|has|will|in|on|at|by|the|a|when|that|for|as|with|because|until|if|it|he|she|they|we"
)
_YEAR_END = rf"(?![\w%°/:]|[.,-]\d|\s(?!(?:{_SMALL_WORDS})\b)[a-z])"
_YEARS = (
    _behind("since", "until", "till", "circa", "year", "years", "early", "late", "summer", "spring", "fall", "winter")
    + r"(?:1[1-9]|20)\d\d(?![\w%°/:]|[.,]\d)",
    _behind("in", "by", "from", "of", "after", "before", "around", "and", "to", "between", "during")
    + r"1[1-9]\d\d"
    + _YEAR_END,
    r"(?<![\w.,/:#$€£-])1[1-9]\d\d(?= (?:to|and) 1[1-9]\d\d\b)",
    r"(?<![\w.,/:#$€£-])(?:19\d\d|20[1-9]\d)(?![\w%°/:]|[.,-]\d|\s(?:by|times|over)\s\d"
    r"|\s(?!(?:was|is|has|as)\b)[a-z]+s\b)",
)


_WEB = {
    ".": "dot", "/": "slash", "@": "at", ":": "colon", "_": "underscore", "-": "dash", "+": "plus",
    "?": "question mark",
    "&": "and", "=": "equals", "#": "hash", "%": "percent", "~": "tilde",
}  # fmt: skip

AMERICAN = Language(
    code="en-us",
    months=_MONTH_FORMS,
    capital_months=True,
    day_first=False,
    dated=(
        r"\bMONTH\s+(?P<day>\d{1,2}(?:st|nd|rd|th)?)(?![\w:/-]|[.,]\d)(?:,?\s+(?P<year>\d{4})\b(?![.,]\d))?",
        r"(?<![\w.,:/-])(?P<day>\d{1,2}(?:st|nd|rd|th)?)\s+MONTH(?!\w)(?:,?\s+(?P<year>\d{4})\b)?",
        r"\bMONTH\s+(?P<year>[12]\d{3})\b",
        r"\bMONTH(?=\s+\d{1,2}\b)",
    ),
    say_day=_american_day,
    say_parts=_parts,
    say_year=_year,
    year_contexts=_YEARS,
    ordinals=((r"\b(?P<number>\d{1,4})(?:st|nd|rd|th)\b", _ordinal),),
    clock=r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?=(?P<half>\s?[AaPp]\.?[Mm]\b)?)",
    say_time=_time,
    currencies=_CURRENCIES,
    scales=_SCALES,
    say_money=_money,
    units=_UNITS,
    abbreviations=ABBREVIATIONS,
    symbols=SYMBOLS,
    spelled=frozenset(
        [
            "AKA",
            "AR",
            "ASR",
            "AWS",
            "CLI",
            "EOD",
            "EOF",
            "EPA",
            "ETA",
            "ETF",
            "EV",
            "FAQ",
            "GUI",
            "ICU",
            "IDE",
            "IMF",
            "IPO",
            "LED",
            "NYC",
            "QA",
            "ROI",
            "SEO",
            "UAE",
            "USC",
            "UX",
            "VIP",
        ]
    ),
    stops=frozenset(
        [
            "dr",
            "mr",
            "jr",
            "sr",
            "mrs",
            "ms",
            "prof",
            "st",
            "mt",
            "ft",
            "vs",
            "etc",
            "e.g",
            "eg",
            "i.e",
            "ie",
            "cf",
            "al",
            "approx",
            "dept",
            "est",
            "vol",
            "inc",
            "ltd",
            "corp",
            "co",
            "gen",
            "sen",
            "rep",
            "capt",
            "gov",
            "lt",
            "sgt",
            "col",
            "rev",
            "hon",
            "jan",
            "feb",
            "mar",
            "apr",
            "jun",
            "jul",
            "aug",
            "sep",
            "sept",
            "oct",
            "nov",
            "dec",
            "mon",
            "tue",
            "tues",
            "wed",
            "thu",
            "thur",
            "thurs",
        ]
    ),
    number_stops=frozenset(["no", "nos", "fig", "figs", "p", "pp", "ch", "sec", "eq", "ext"]),
    web=_WEB,
)
BRITISH = dataclasses.replace(AMERICAN, code="en-gb", day_first=True, say_day=_british_day)
