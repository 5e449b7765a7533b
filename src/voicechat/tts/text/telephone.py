"""Telephone numbers: said digit by digit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voicechat.tts.text.language import Language
from voicechat.tts.text.traced import Edit, Rule

_GROUP = r"[ .\u00a0-]"
_PATTERNS = (
    # In international form, as written in North America, and a number that follows a word for one.
    rf"(?<![\w+])\+\d{{1,3}}(?:{_GROUP}?\(?\d{{1,5}}\)?){{2,7}}(?![\w-])",
    rf"(?<![\w(+.-])(?:1-)?\(?\d{{3}}\)?{_GROUP}?\d{{3}}[.-]\d{{4}}(?![\w-])",
    r"(?<![\w(+.,$€£-])\d{3}-\d{4}(?![\w-])",
    rf"(?i:(?<=phone )|(?<=phone: )|(?<=tel: )|(?<=tel\. )|(?<=call )|(?<=dial )|(?<=telefon )|(?<=teléfono )"
    rf"|(?<=téléphone ))\(?\d{{2,6}}\)?(?:{_GROUP}\d{{2,6}}){{0,4}}(?![\w-])",
)
_EMERGENCY = r"(?<![\w$€£.,:/-])(?:911|112)(?![\w%:/-]|[.,]\d|\s+[a-z])"
_CHUNK = re.compile(r"\S+")


def telephone_rules(language: Language) -> tuple[Rule, ...]:
    """Rules that keep the written groups, each a word of its own, with a short pause between them."""

    def edits(match: re.Match[str]) -> Iterator[Edit]:
        chunks = list(_CHUNK.finditer(match.group()))
        for chunk in chunks:
            groups = re.findall(r"\d+", chunk.group())
            said = ", ".join(" ".join(group) for group in groups)
            plus = f"{language.web['+']} " if chunk.group().startswith("+") else ""
            comma = "" if chunk is chunks[-1] else ","
            yield Edit(match.start() + chunk.start(), match.start() + chunk.end(), f"{plus}{said}{comma}")

    if not language.web:
        return ()
    return tuple(Rule(re.compile(pattern), edits) for pattern in (*_PATTERNS, _EMERGENCY))
