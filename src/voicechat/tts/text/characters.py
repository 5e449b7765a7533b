"""Characters that are drawn but not said: control, invisible and decorated ones, emoji, and scripts a voice lacks."""

from __future__ import annotations

import unicodedata

from voicechat.tts.text.traced import Rule, TracedText, rule

_INVISIBLE = "\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_DECORATED = (
    "\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff\ufb00-\ufb06\u2100-\u2101\u2103\u2109\u2460-\u2473"
)
_EMOJI = "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\ufe0e\ufe0f\u200d\u20e3\U000e0020-\U000e007f]+"
_EMOTICON = r"(?<!\S)[:;=8xX][-'^]?[)(DPpOo|/\\3*](?!\S)|(?<!\S)<3(?!\S)|(?<!\S)\^_?\^(?!\S)"
# Hebrew, Arabic, Indic scripts, Thai, Hangul, kana and Han: espeak-ng spells them as "Chinese letter, Chinese letter".
_FOREIGN = "\u0590-\u0fff\u1100-\u11ff\u3000-\u31ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"

_RULES: tuple[Rule, ...] = (
    rule(f"[{_INVISIBLE}]+", ""),
    rule(_EMOJI, " "),
    rule(_EMOTICON, ""),
    rule(f"[{_DECORATED}]", lambda match: unicodedata.normalize("NFKC", match.group())),
    rule("[^\\W\\d_][\u0300-\u036f]+", lambda match: unicodedata.normalize("NFC", match.group())),
)
FOREIGN_RULES: tuple[Rule, ...] = (rule(f"[{_FOREIGN}]+", " "),)
"""For a voice of a Latin script: what it cannot read is silent."""


def printable(text: str) -> TracedText:
    """`text` without what has no sound; line breaks stay."""
    return TracedText.written("".join(map(_printable, text))).apply(_RULES)


def _printable(char: str) -> str:
    unprintable = char != "\n" and unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn")
    return " " if unprintable else char
