"""Numbers that are not read digit group by digit group: ranges, ordinals, years, negatives."""

from __future__ import annotations

import re
from collections.abc import Callable

from voicechat.tts.text.language import Language
from voicechat.tts.text.traced import Rule, rule

_SPACES = "\u00a0\u202f\u2009"


def grouping_rules(language: Language) -> tuple[Rule, ...]:
    """Digits that spaces group are one number."""
    spaces = _SPACES if language.grouping == "," else f" {_SPACES}"

    def join(match: re.Match[str]) -> str:
        return re.sub(r"\s", "", match.group())

    return (rule(rf"(?<![\w.,+-])\d{{1,3}}(?:[{spaces}]\d{{3}})+(?![\d-]|[{spaces}]\d)", join),)


def number_rules(language: Language) -> tuple[Rule, ...]:
    """Rules in the order in which they are sure."""
    number = language.number
    return (
        rule(rf"(?<![\w.,:/–—-])({number})[-–—]({number})(?![\w/:-]|[.,]\d)", rf"\1 {language.range} \2"),
        rule(r"(?<![\w)\]%.,:/])[-−](?=\d)", f"{language.minus} "),
        *(_ordinal(pattern, say) for pattern, say in language.ordinals),
        *(_year(pattern, language) for pattern in language.year_contexts),
    )


def _ordinal(pattern: str, say: Callable[[int, str], str | None]) -> Rule:
    return rule(pattern, lambda match: say(int(match["number"]), match.string[: match.start()]))


def _year(pattern: str, language: Language) -> Rule:
    return rule(pattern, lambda match: language.say_year(int(match.group())))
