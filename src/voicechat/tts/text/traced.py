"""Text that is rewritten while every character remembers where it was written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

Range = tuple[int, int]

UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f"
"""Kana, Han and Thai: scripts whose words no space divides, as the inside of a character class."""

_PUNCTUATION = re.compile(r"[\"'“”‘’«»„‚()\[\]{}.,:;!?…¡¿–—-]+")
_WORD = re.compile(rf"[{UNSPACED}][^\w\s]*|[^\s{UNSPACED}]+")


@dataclass(frozen=True, slots=True)
class Edit:
    """Characters [start, end) of a text are said as `text`."""

    start: int
    end: int
    text: str


Edits = Callable[[re.Match[str]], Iterable[Edit]]


@dataclass(frozen=True, slots=True)
class Rule:
    """What to do with every match of a pattern: edits within the match, in order and without overlap."""

    pattern: re.Pattern[str]
    edits: Edits


def whole(say: Callable[[re.Match[str]], str | None]) -> Edits:
    """Edits that replace the whole match by what `say` returns; None leaves it."""

    def edits(match: re.Match[str]) -> Iterable[Edit]:
        said = say(match)
        return () if said is None or said == match.group() else (Edit(*match.span(), said),)

    return edits


def rule(pattern: str, say: str | Callable[[re.Match[str]], str | None], flags: int = 0) -> Rule:
    """A rule that replaces the whole match; a string is a template as of `re.Match.expand`."""
    if isinstance(say, str):
        template = say
        return Rule(re.compile(pattern, flags), whole(lambda match: match.expand(template)))
    return Rule(re.compile(pattern, flags), whole(say))


def group_rule(pattern: str, flags: int = 0, **said: str | Callable[[re.Match[str]], str | None]) -> Rule:
    """A rule that replaces named groups of the match, in the order in which they are given."""

    def edits(match: re.Match[str]) -> Iterator[Edit]:
        for name, say in said.items():
            start, end = match.span(name)
            new = say if isinstance(say, str) else say(match)
            if new is not None and end > start and new != match[name]:
                yield Edit(start, end, new)

    return Rule(re.compile(pattern, flags), edits)


@dataclass(frozen=True, slots=True)
class TracedText:
    """Text whose every character knows the range [start, end) of the written text that it stands for."""

    text: str
    origins: tuple[Range, ...]

    @classmethod
    def written(cls, text: str) -> TracedText:
        """Text as it was written."""
        return cls(text, tuple((at, at + 1) for at in range(len(text))))

    def apply(self, rules: Iterable[Rule]) -> TracedText:
        """Apply the rules, one after the other."""
        traced = self
        for each in rules:
            edits = [edit for match in each.pattern.finditer(traced.text) for edit in each.edits(match)]
            traced = traced.edited(edits)
        return traced

    def edited(self, edits: Iterable[Edit]) -> TracedText:
        """Make edits, in order and without overlap; a new character stands for the whole of what it replaces."""
        chars: list[str] = []
        origins: list[Range] = []
        done = 0
        for edit in edits:
            chars += (self.text[done : edit.start], edit.text)
            origins += self.origins[done : edit.start]
            if edit.text:
                origins += [self._origin(edit.start, edit.end)] * len(edit.text)
            done = edit.end
        if not chars:
            return self
        return TracedText("".join((*chars, self.text[done:])), (*origins, *self.origins[done:]))

    def _origin(self, start: int, end: int) -> Range:
        if start == end:
            before = self.origins[start - 1][1] if start else 0
            return before, before
        return self.origins[start][0], max(origin[1] for origin in self.origins[start:end])

    def words(self) -> Iterator[tuple[str, Range]]:
        """Written words, each with the range it was written in, as they are said: "$5" is one, said as "5 dollars".

        A word is a run without space that is not punctuation alone, or a character of an unspaced script; runs between
        which no space was written are one.
        """
        said, start, end, behind = "", 0, 0, 0
        for match in _WORD.finditer(self.text):
            if _PUNCTUATION.fullmatch(match.group()):
                continue
            origins = self.origins[match.start() : match.end()]
            first, last = origins[0][0], max(origin[1] for origin in origins)
            joined = said and (first < end or (first == end and match.start() > behind))
            if joined:
                said, end = f"{said} {match.group()}", max(end, last)
            else:
                if said:
                    yield said, (start, end)
                said, start, end = match.group(), first, last
            behind = match.end()
        if said:
            yield said, (start, end)
