"""Written text made speakable, with every character traced to where it was written.

Markup, control characters and emoji are spoken as nothing, and abbreviations whose full stop is not the end of a
sentence lose it. Numbers, dates and symbols are left to the engine's own rules.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Range = tuple[int, int]
_Replacement = str | Callable[[re.Match[str]], str]


@dataclass(frozen=True, slots=True)
class TracedText:
    """Text whose every character knows the range [start, end) of the written text that it stands for."""

    text: str
    origins: tuple[Range, ...]

    @classmethod
    def written(cls, text: str) -> TracedText:
        """Text as it was written."""
        return cls(text, tuple((at, at + 1) for at in range(len(text))))

    def replace(self, pattern: re.Pattern[str], replacement: _Replacement) -> TracedText:
        """Replace every match; a character of the replacement stands for the whole of what it replaces."""
        chars: list[str] = []
        origins: list[Range] = []
        done = 0
        for match in pattern.finditer(self.text):
            start, end = match.span()
            new = replacement if isinstance(replacement, str) else replacement(match)
            chars += (self.text[done:start], new)
            origins += self.origins[done:start]
            if new:
                origins += [(self.origins[start][0], self.origins[end - 1][1])] * len(new)
            done = end
        if done == 0:
            return self
        return TracedText("".join((*chars, self.text[done:])), (*origins, *self.origins[done:]))

    def keep_group(self, pattern: re.Pattern[str]) -> TracedText:
        """Reduce every match to its group `keep`, whose characters keep their own places."""
        chars: list[str] = []
        origins: list[Range] = []
        done = 0
        for match in pattern.finditer(self.text):
            start, end = match.span("keep")
            chars += (self.text[done : match.start()], self.text[start:end])
            origins += (*self.origins[done : match.start()], *self.origins[start:end])
            done = match.end()
        if done == 0:
            return self
        return TracedText("".join((*chars, self.text[done:])), (*origins, *self.origins[done:]))

    def words(self) -> Iterator[tuple[str, Range]]:
        """Runs without space, and each character of an unspaced script, with the range they were written in."""
        for match in _WORD.finditer(self.text):
            first, last = self.origins[match.start()], self.origins[match.end() - 1]
            yield match.group(), (first[0], last[1])


UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f"
"""Kana, Han and Thai: scripts whose words no space divides, as the inside of a character class."""

CLOSERS = "\"'”’»)\\]}」』）】》"
"""What may follow the punctuation that ends a sentence, as the inside of a character class."""

_WORD = re.compile(rf"[{UNSPACED}][^\w\s]*|[^\s{UNSPACED}]+")
_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\ufe0e\ufe0f\u200d\u20e3\U000e0020-\U000e007f]+"
)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~).*$", re.MULTILINE)
_LINK = re.compile(r"!?\[(?P<keep>[^\[\]\n]*)\]\([^()\s]*(?:\s+\"[^\"]*\")?\)")
_TAG = re.compile(r"</?[A-Za-z!?][^<>]{0,200}>")
_LINE_MARK = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+•][ \t]+|(?:-{3,}|\*{3,}|_{3,}|={3,})[ \t]*$)", re.MULTILINE
)
_EMPHASIS = re.compile(r"(?<![\w*_~])(?P<mark>\*{1,3}|_{1,3}|~~)(?=\S)(?P<keep>[^\n]+?)(?<=\S)(?P=mark)(?![\w*_~])")
# What is left where a pair of marks was cut in two, or never was one.
_STRAY_MARK = re.compile(r"`+|\||\*{2,}|_{2,}|~~+|(?<!\w)[*_#]+(?!\S)|(?<!\w)[*_](?=\w)|(?<=[\w.,!?])[*_](?!\w)")
_TITLES = {"prof": "Professor", "gen": "General", "sen": "Senator", "rep": "Representative", "capt": "Captain"}
_TITLE = re.compile(r"\b(?P<title>[Pp]rof|[Gg]en|[Ss]en|[Rr]ep|[Cc]apt)\.(?=\s+[A-Z])")
_ABBREVIATION = re.compile(
    r"\b(?P<keep>[DdMmSs]rs?|Ms|Jr|St|Mt|vs|approx|dept|est|fig|vol|Inc|Ltd|Corp|Co|(?<![\w.])[A-Z])\.(?=\s+\S)"
)
_SPACE = re.compile(r"\s+")


def _printable(char: str) -> str:
    unprintable = char != "\n" and unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn")
    return " " if unprintable else char


def speakable(text: str) -> TracedText:
    """What of `text` is to be said; empty when nothing is."""
    traced = TracedText.written("".join(map(_printable, text)))
    traced = traced.replace(_EMOJI, " ").replace(_FENCE, " ").keep_group(_LINK).replace(_TAG, " ")
    traced = traced.replace(_LINE_MARK, "").keep_group(_EMPHASIS).keep_group(_EMPHASIS).replace(_STRAY_MARK, " ")
    traced = traced.replace(_TITLE, lambda match: _TITLES[match["title"].lower()]).keep_group(_ABBREVIATION)
    return traced.replace(_SPACE, " ")
