"""Times of day."""

from __future__ import annotations

import re

from voicechat.tts.text.language import Language
from voicechat.tts.text.traced import Rule, rule


def time_rules(language: Language) -> tuple[Rule, ...]:
    """Rules for hours and minutes; a colon between other numbers is left."""

    def say(match: re.Match[str]) -> str | None:
        hour, minute = int(match["hour"]), int(match["minute"] or 0)
        if hour > 24 or minute > 59:
            return None
        return language.say_time(hour, minute, (match["half"] or "").strip())

    before, behind = r"(?<![\w:.,/-])", r"(?![\w:/]|[.,]\d)"
    span = rule(r"(?<=\d)\s?[-–—]\s?(?=\d{1,2}:\d\d)", f" {language.range} ")
    return (span, rule(before.replace("-", "") + language.clock + behind, say))
