"""Markdown and tags, which are for the eye."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voicechat.tts.text.traced import Edit, Rule, rule


def _keep(match: re.Match[str]) -> Iterator[Edit]:
    """Reduce a match to its group `keep`, whose characters keep their own places."""
    start, end = match.span("keep")
    yield Edit(match.start(), start, "")
    yield Edit(end, match.end(), "")


_EMPHASIS = Rule(
    re.compile(r"(?<![\w*_~])(?P<mark>\*{1,3}|_{1,3}|~~)(?=\S)(?P<keep>[^\n]+?)(?<=\S)(?P=mark)(?![\w*_~])"), _keep
)

MARKUP_RULES: tuple[Rule, ...] = (
    rule(r"^[ \t]*(?:```|~~~).*$", " ", re.MULTILINE),
    Rule(re.compile(r"!?\[(?P<keep>[^\[\]\n]*)\]\([^()\s]*(?:\s+\"[^\"]*\")?\)"), _keep),
    Rule(re.compile(r"<(?P<keep>(?:https?://|mailto:)[^<>\s]+)>"), _keep),
    rule(r"</?[A-Za-z!?][^<>]{0,200}>", " "),
    rule(r"&nbsp;", " "),
    rule(r"&amp;", "&"),
    rule(r"&lt;", "<"),
    rule(r"&gt;", ">"),
    rule(
        r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+•][ \t]+(?:\[[ xX]\][ \t]+)?|(?:-{3,}|\*{3,}|_{3,}|={3,})[ \t]*$)",
        "",
        re.MULTILINE,
    ),
    rule(r"^[ \t]*\|?(?:[ \t]*:?-{2,}:?[ \t]*\|)+[ \t]*(?::?-{2,}:?)?[ \t]*$", " ", re.MULTILINE),
    _EMPHASIS,
    _EMPHASIS,
    # What is left where a pair of marks was cut in two, or never was one.
    rule(
        r"`+|\||\*{2,}|_{2,}|~~+|(?<!\w)[*_#]+(?!\S)(?<!\d [*])|(?<!\w)[*_](?=\w)|(?<=[\w.,!?])[*_](?!\w)",
        " ",
    ),
)
