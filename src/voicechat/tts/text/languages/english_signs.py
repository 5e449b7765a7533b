"""English abbreviations, signs and numerals."""

from __future__ import annotations

import re

from voicechat.tts.text.language import Said
from voicechat.tts.text.roman import ROMAN, roman_value
from voicechat.tts.text.words import ordinal_words

_TENS = {
    1: "tens", 2: "twenties", 3: "thirties", 4: "forties", 5: "fifties", 6: "sixties", 7: "seventies", 8: "eighties",
    9: "nineties",
}  # fmt: skip
_FRACTIONS = {
    "1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter", "3/4": "three quarters",
    "1/5": "one fifth", "2/5": "two fifths", "3/5": "three fifths", "4/5": "four fifths", "1/6": "one sixth",
    "5/6": "five sixths", "1/8": "one eighth", "3/8": "three eighths", "5/8": "five eighths", "7/8": "seven eighths",
    "1/10": "one tenth", "3/10": "three tenths", "1/16": "one sixteenth", "1/100": "one hundredth",
}  # fmt: skip
_VULGAR = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8"}
_A = {"one half": "a half", "one quarter": "a quarter", "one third": "a third"}


def _fractions() -> tuple[tuple[str, str], ...]:
    forms = [(re.escape(written), said) for written, said in _FRACTIONS.items()]
    mixed = [(rf"(?<=\d) {form}(?![\w/.]*\d)", f" and {_A.get(said, said)}") for form, said in forms]
    alone = [(rf"(?<![\w/.,-]){form}(?![\w/])", said) for form, said in forms]
    vulgar = [
        (rf"(?<=\d) ?{sign}", f" and {_A.get(_FRACTIONS[form], _FRACTIONS[form])}") for sign, form in _VULGAR.items()
    ]
    signs = [(sign, _FRACTIONS[form]) for sign, form in _VULGAR.items()]
    return (*mixed, *alone, *vulgar, *signs)


_NAMES = (
    "Henry|Louis|George|Elizabeth|Charles|Edward|James|William|Richard|Philip|Napoleon|Nicholas|Catherine|Alexander|Paul"
    "|Benedict|Pius|Leo|Gregory|Frederick|Ivan|Francis|Otto|Leopold|Ferdinand|Juan Carlos|Felipe|Ramesses"
)
_PARTS = "Chapter|Part|Section|Volume|Act|Book|Type|Phase|Title|Article|Appendix|Level|Bowl|World War"


def _regnal(match: re.Match[str]) -> str:
    return f"the {ordinal_words(roman_value(match.group()), 'en')}"


def _counted(match: re.Match[str]) -> str:
    return str(roman_value(match.group()))


_ROMANS: tuple[tuple[str, Said], ...] = (
    (rf"(?:{'|'.join(rf'(?<={name} )' for name in _NAMES.split('|'))})(?!I\b){ROMAN}(?!\w)", _regnal),
    (rf"(?:{'|'.join(rf'(?<={name} )' for name in _PARTS.split('|'))}){ROMAN}(?![\w'’])", _counted),
    (rf"(?<=[a-z] )(?=[IVX]{{2}}){ROMAN}(?![\w'’])", _counted),
)
_CAPITAL = r"(?=\s+[A-Z])"
_DIGIT = r"(?=\s?\d)"
_STOP = r"\b(?:\.(?=\s*\S))?"
_STREET_END = r"(?=\s*(?:[,;)]|$|and\b|in\b|at\b|is\b|to\b|\.\s*$|\d))"


def _half(letter: str) -> str:
    """The full stop of "a.m." is kept where the text ends with it."""
    first = f"[{letter}{letter.upper()}]"
    return rf"{first}\.?[Mm]\.(?=\s+\S|[,;:!?)])|{first}\.?[Mm]\b"


ABBREVIATIONS: tuple[tuple[str, Said], ...] = (
    *_ROMANS,
    (rf"(?<=\d)(?:{_half('a')})", " AM"),
    (rf"(?<=\d\s)(?:{_half('a')})", "AM"),
    (rf"(?<=\d)(?:{_half('p')})", " PM"),
    (rf"(?<=\d\s)(?:{_half('p')})", "PM"),
    (r"\bProf\." + _CAPITAL, "Professor"),
    (r"\bGen\." + _CAPITAL, "General"),
    (r"\bSen\." + _CAPITAL, "Senator"),
    (r"\bRep\." + _CAPITAL, "Representative"),
    (r"\bCapt\." + _CAPITAL, "Captain"),
    (r"\bGov\." + _CAPITAL, "Governor"),
    (r"\bLt\." + _CAPITAL, "Lieutenant"),
    (r"\bSgt\." + _CAPITAL, "Sergeant"),
    (r"\bCol\." + _CAPITAL, "Colonel"),
    (r"\bRev\." + _CAPITAL, "Reverend"),
    (r"\bHon\." + _CAPITAL, "Honorable"),
    (r"\bMt\.?" + _CAPITAL, "Mount"),
    (r"\bFt\." + _CAPITAL, "Fort"),
    (r"\bMs\.?" + _CAPITAL, "Miz"),
    (r"(?<=[a-z\d] )St" + _STOP + _STREET_END, "Street"),
    (r"(?<=[a-z] )Ave?" + _STOP + _STREET_END, "Avenue"),
    (r"(?<=[a-z] )Blvd\b\.?", "Boulevard"),
    (r"(?<=[A-Z][a-z]{2} )Rd\b\.?", "Road"),
    (r"\bRd\." + _STREET_END, "Road"),
    (r"(?<=[a-z] )Dr" + _STOP + r"(?=\s*(?:,|$|\.\s*$))", "Drive"),
    (r"\bSt\.?(?=\s+[A-Z][a-z])", "Saint"),
    (r"\b(Dr|Mr|Mrs)\.(?=\s+\S)", r"\1"),
    (r",(?= [JS]r\b)", ""),
    (r"(?<=[a-z] )Jr" + _STOP, "Junior"),
    (r"(?<=[a-z] )Sr" + _STOP + r"(?!\s+[A-Z])", "Senior"),
    (r"\bInc\.(?=\s+\S|,)", "Incorporated"),
    (r"\bInc\b", "Incorporated"),
    (r"\bLtd\.(?=\s+\S|,)", "Limited"),
    (r"\bLtd\b", "Limited"),
    (r"\bCorp\.(?=\s+\S|,)", "Corporation"),
    (r"\bCo\.(?=\s+\S|,)", "Company"),
    (r"\b[Vv]s\b\.?", "versus"),
    (r"\b[Aa]pprox\b\.?", "approximately"),
    (r"\b[Dd]ept\b\.?", "department"),
    (r"\b[Ii]\.?e\.(?=,?\s)", "that is"),
    (r"\b[Ee]\.?g\.(?=,?\s)", "for example"),
    (r"\betc\.(?=\s+[a-z]|[,;)])", "et cetera"),
    (r"\betc\b", "et cetera"),
    (r"\bet al\.", "et al"),
    (r"\ba\.k\.a\.|\baka\b", "also known as"),
    (r"\bPh\.\s?D\.(?=\s+\S|,)", "PhD"),
    (r"\bPh\.\s?D\b", "PhD"),
    (r"\bw/o\b", "without"),
    (r"\bw/(?=\s|[a-z])", "with "),
    (r"\bNos?\." + _DIGIT, "number "),
    ("№ ?", "number "),
    (r"\b[Ff]igs?\." + _DIGIT, "figure "),
    (r"\bpp\." + _DIGIT, "pages "),
    (r"\bp\." + _DIGIT, "page "),
    (r"\b[Vv]ol\." + _DIGIT, "volume "),
    (r"\b[Cc]h\." + _DIGIT, "chapter "),
    (r"\b[Ss]ec\." + _DIGIT, "section "),
    (r"\b[Ee]q\." + _DIGIT, "equation "),
    (r"\b[Ee]xt\." + _DIGIT, "extension "),
    (r"\bMon\.(?=,|\s+\d)|\bMon(?=,)", "Monday"),
    (r"\bTues?\.|\bTues?(?=,)", "Tuesday"),
    (r"\bWed\.(?=,|\s)|\bWed(?=, [A-Z\d])", "Wednesday"),
    (r"\bThu(?:rs?)?\.|\bThu(?:rs?)?(?=,)", "Thursday"),
    (r"\bFri\.|\bFri(?=,)", "Friday"),
    (r"\bSat\.|\bSat(?=, [A-Z\d])", "Saturday"),
    (r"\bSun\.(?=,)|\bSun(?=, [A-Z\d])", "Sunday"),
    (r"\bU\.S\.A\.(?=\s+\S|,)", "USA"),
    (r"\bU\.S\.(?=\s+\S|,)", "US"),
    (r"\bU\.K\.(?=\s+\S|,)", "UK"),
    # espeak-ng loses the s of these at the end of a clause.
    (r"\bPDFs\b", "P.D.F's"),
    (r"\bGIFs\b", "gifs"),
    (r"\bWWII\b", "World War Two"),
    (r"\bWWI\b", "World War One"),
    (r"\bCO2\b", "C.O. 2"),
    (r"\bCO₂", "C.O. 2"),
    (r"\bH₂O\b", "H2O"),
    (r"(?<=the )WHO\b", "W.H.O"),
    (r"\bC#", "C sharp"),
    (r"\bF#", "F sharp"),
    (r"(?<![\w.])([A-Z])\.(?=\s+\S)", r"\1"),
)
SYMBOLS: tuple[tuple[str, Said], ...] = (
    *_fractions(),
    *((rf"(?<!\w)['’]?(1[1-9]|20)?{ten}0['’]?s\b", rf"\1 {said}") for ten, said in _TENS.items()),
    (r"(?<!\w)(1[1-9])00s\b", r"\1 hundreds"),
    (r"(?<!\w)2000s\b", "two thousands"),
    (r"(?<!\w)(24)/(7)(?!\w)|(?<!\w)(50)/(50)(?!\w)|(?<!\w)(9)/(11)(?!\w)", r"\1\3\5 \2\4\6"),
    (r"(\d)'(\d{1,2})(?:\"|”|'')", r"\1 foot \2"),
    (r"(?<=\d)%[-–](?=\d)", "% to "),
    (r"(?<=\d)/(?=\d)", " over "),
    (r"\band/or\b", "and or"),
    (r"\b(he|she|his|him|her|they)/(?=[a-z])", r"\1 or "),
    (r"#(?=\d)", "number "),
    (r"[~≈](?=\s?[\d$])", "about "),
    (r"<=|≤", " less than or equal to "),
    (r">=|≥", " greater than or equal to "),
    (r"(?<!\S)<(?=\s?\d)", "less than "),
    (r"(?<!\S)>(?=\s?\d)", "greater than "),
    (r"(?<=\d)\s?[*×]\s?(?=\d)", " times "),
    (r"(?<=\d)x(?=\d)", " by "),
    (r"²", " squared"),
    (r"³", " cubed"),
    (r"(?<=\d)\^(?=\d)", " to the power of "),
    (r"(?<=\d)\s?÷\s?(?=\d)", " divided by "),
    (r"\s[-=]>\s|\s?→\s?", " to "),
    (r"(?<=\d) - (?=\d)", " minus "),
    (r"(?<![\w.])\.(?=\d)", "0."),
    (r"(?<=\d):(?=\d(?!\d))", " to "),
)
