"""Abbreviations, signs and words in capitals."""

from __future__ import annotations

from voicechat.tts.text.language import Language
from voicechat.tts.text.traced import Rule, rule

_ELLIPSIS = (rule(r"(?:\.{3,}|…)(?=\s+[^\W\d_])", ","), rule("…", "."))


def abbreviation_rules(language: Language) -> tuple[Rule, ...]:
    """Abbreviations in full; capitals that are spelled, spelled."""
    rules = [rule(pattern, said) for pattern, said in language.abbreviations]
    if language.spelled:
        names = "|".join(sorted(language.spelled))
        pattern = rf"(?<![\w.-])(?P<word>{names})(?P<plural>s?)(?!\w)"
        rules.append(rule(pattern, lambda match: ".".join(match["word"]) + ("'s" if match["plural"] else "")))
    return tuple(rules)


def symbol_rules(language: Language) -> tuple[Rule, ...]:
    """Signs; what is left of them is for espeak-ng."""
    return (*_ELLIPSIS, *(rule(pattern, said) for pattern, said in language.symbols))
