"""Roman numerals, as far as people write them: up to 39."""

from __future__ import annotations

_UNITS = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")
_VALUES = {
    ten + unit: 10 * tens + ones for tens, ten in enumerate(("", "X", "XX", "XXX")) for ones, unit in enumerate(_UNITS)
}
del _VALUES[""]

ROMAN = "(?:" + "|".join(sorted(_VALUES, key=len, reverse=True)) + ")"
"""Pattern of a numeral."""


def roman_value(numeral: str) -> int:
    """The number that `numeral`, a match of `ROMAN`, stands for."""
    return _VALUES[numeral]
