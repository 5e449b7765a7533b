"""Units behind numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voicechat.tts.text.language import Language
from voicechat.tts.text.traced import Edit, Rule


def unit_rules(language: Language) -> tuple[Rule, ...]:
    """One rule: a unit that stands apart stays a word of its own, one that does not is one with its number."""
    if not language.units:
        return ()
    symbols = "|".join(sorted(map(re.escape, language.units), key=len, reverse=True))
    pattern = rf"(?<![A-Za-z_])(?P<number>{language.number})(?P<gap>[ \u00a0\u202f-]?)(?P<unit>{symbols})(?![\w²³/])"

    def edits(match: re.Match[str]) -> Iterator[Edit]:
        noun = language.units[match["unit"]]
        number, gap = match["number"], match["gap"]
        said = f"{number} {noun.one}" if gap == "-" else language.counted(number, noun)
        if gap.isspace() and said.startswith(f"{number} "):
            yield Edit(*match.span("unit"), said[len(number) + 1 :])
        else:
            yield Edit(*match.span(), said)

    return (Rule(re.compile(pattern), edits),)
