"""Cuts text into the segments that are synthesized, while it is still being written.

Cuts depend on the text alone, not on the pieces in which it arrives: each is made as soon as the characters that decide
it are there. The first segment ends at the first clause, so that something can be said early; the others are sentences.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from voicechat.tts.speakable import CLOSERS, UNSPACED
from voicechat.tts.text.languages import language_of

MAX_PHONEMES = 200
"""A segment is not estimated to be longer."""

FIRST_CLAUSE_CHARS = 12
"""A first clause shorter than this has no melody of its own, and is left with what follows."""

_SENTENCE_ENDS = ".!?…"
_UNSPACED_SENTENCE_ENDS = "。！？｡"
_CLAUSE_ENDS = ",;:—–"
_UNSPACED_CLAUSE_ENDS = "，、；："
_LOOK_AHEAD = 20
"""Characters behind a full stop that may be waited for, where they decide whether it ends a sentence."""

_WHOLE_WORD = re.compile(r"\s*\S+\s")
_LIST_MARKS = "-*•#+"
_CLOSER = re.compile(f"[{CLOSERS}]")
_UNSPACED = re.compile(f"[{UNSPACED}]")
_ACRONYM = re.compile(r"(?:[^\W\d_]\.)+")
_NUMBER = re.compile(r"\d{1,3}\.")
_NUMBERING = re.compile(r"(?:\d{1,3}|[A-Za-z])\.")


@dataclass(frozen=True, slots=True)
class TextSegment:
    """Code points [start, end) of the whole text. `ends_sentence`: a pause follows it."""

    index: int
    text: str
    start: int
    end: int
    ends_sentence: bool


class _Boundary(Enum):
    NONE = auto()
    CLAUSE = auto()
    SENTENCE = auto()
    UNDECIDED = auto()


def phoneme_estimate(char: str) -> int:
    """How many phonemes a character may take, rounded up: digits, symbols and ideographs are said as whole words."""
    if char.isspace():
        return 1
    if char.isdigit() or char in "$€£¥%&@#+=°":
        return 9
    if _UNSPACED.match(char):
        return 6
    return 1 if ord(char) < 0x250 else 2


class Segmenter:
    """Takes text as it is written and gives segments; together they are the text, without loss or overlap.

    Args:
        max_phonemes: A longer segment is cut where it must.
        first_clause_chars: A shorter first clause is left with what follows.
        language: BCP 47; it knows the abbreviations. One without tables is taken as English.
        first_index: Of the segment that the text begins with; above 0 it is cut as it would be behind the others.
    """

    def __init__(
        self,
        max_phonemes: int = MAX_PHONEMES,
        first_clause_chars: int = FIRST_CLAUSE_CHARS,
        language: str = "en",
        first_index: int = 0,
    ) -> None:
        self._max_phonemes = max_phonemes
        self._first_clause_chars = first_clause_chars
        known = language_of(language)
        self._language = known if known.web else language_of("en")
        self._text = ""
        self._start = 0
        self._index = first_index
        self._begin_segment()

    def push(self, text: str) -> list[TextSegment]:
        """Take more text; returns the segments that it completes."""
        self._text += text
        return self._scan()

    def flush(self) -> list[TextSegment]:
        """Give up waiting: what is there is spoken now."""
        segments = self._scan(final=True)
        if self._text:
            segments.append(self._cut(len(self._text), ends_sentence=True))
        return segments

    def _begin_segment(self) -> None:
        self._at = 0
        self._phonemes = 0
        self._clause_end = 0
        self._space_end = 0

    def _scan(self, *, final: bool = False) -> list[TextSegment]:
        segments = []
        while self._at < len(self._text):
            boundary = self._boundary(final)
            if boundary is _Boundary.UNDECIDED:
                break
            if (segment := self._advance(boundary)) is not None:
                segments.append(segment)
        return segments

    def _advance(self, boundary: _Boundary) -> TextSegment | None:
        """Pass one character; cut where a boundary, or the bound, asks for it."""
        char = self._text[self._at]
        cost = phoneme_estimate(char)
        if self._at and self._phonemes + cost > self._max_phonemes:
            return self._cut(self._clause_end or self._space_end or self._at, ends_sentence=False)
        self._at += 1
        self._phonemes += cost
        if boundary is _Boundary.SENTENCE and not self._blank(self._at):
            return self._cut(self._at, ends_sentence=True)
        if boundary is _Boundary.CLAUSE:
            self._clause_end = self._at
            if self._index == 0 and len(self._text[: self._at].strip()) >= self._first_clause_chars:
                return self._cut(self._at, ends_sentence=False)
        if char.isspace():
            self._space_end = self._at
        return None

    def _blank(self, end: int) -> bool:
        return not any(char.isalnum() for char in self._text[:end])

    def _cut(self, end: int, *, ends_sentence: bool) -> TextSegment:
        segment = TextSegment(self._index, self._text[:end], self._start, self._start + end, ends_sentence)
        self._text = self._text[end:]
        self._start += end
        self._index += 1
        self._begin_segment()
        return segment

    def _boundary(self, final: bool) -> _Boundary:
        """What the place after the current character is."""
        here = self._text[self._at]
        after = self._text[self._at + 1 : self._at + 2]
        if not after:
            return _Boundary.NONE if final else _Boundary.UNDECIDED
        if here == "\n" and (after == "\n" or after in _LIST_MARKS):
            return _Boundary.SENTENCE
        mark = self._mark()
        if mark in _UNSPACED_SENTENCE_ENDS:
            return _Boundary.NONE if self._continues(after) else _Boundary.SENTENCE
        if mark in _UNSPACED_CLAUSE_ENDS:
            return _Boundary.NONE if self._continues(after) else _Boundary.CLAUSE
        if not after.isspace():
            return _Boundary.NONE
        if mark in _CLAUSE_ENDS:
            return self._between_numbers(final)
        if mark == ".":
            return self._full_stop(final)
        return _Boundary.SENTENCE if mark in _SENTENCE_ENDS else _Boundary.NONE

    def _between_numbers(self, final: bool) -> _Boundary:
        """A comma or colon: the one in "Nov 21, 2026" cuts nothing."""
        if not self._text[self._at - 1 : self._at].isdigit():
            return _Boundary.CLAUSE
        behind = self._text[self._at + 2 : self._at + 3]
        if not behind and not final:
            return _Boundary.UNDECIDED
        return _Boundary.NONE if behind.isdigit() else _Boundary.CLAUSE

    def _mark(self) -> str:
        """The punctuation that the current character is, or closes; a space where it is neither."""
        at = self._at
        while at and _CLOSER.match(self._text[at]):
            at -= 1
        mark = self._text[at]
        return mark if not mark.isalnum() else " "

    @staticmethod
    def _continues(after: str) -> bool:
        return bool(_CLOSER.match(after)) or after in _UNSPACED_SENTENCE_ENDS or after in _SENTENCE_ENDS

    def _full_stop(self, final: bool) -> _Boundary:
        """Whether the full stop at the current place, or before the closers there, ends its sentence."""
        before = self._text[: self._at + 1]
        word = before[max(before.rfind(space) for space in ' \n\t("“') + 1 :]
        if not word.endswith("."):
            return _Boundary.SENTENCE
        line = before[before.rfind("\n") + 1 :]
        if line.strip() == word and _NUMBERING.fullmatch(word):
            return _Boundary.NONE
        if (_ACRONYM.fullmatch(word) and word != "I.") or word[:-1].lower() in self._language.stops:
            return _Boundary.NONE
        if word[:-1].lower() in self._language.number_stops:
            return self._unless(re.compile(r"\s?\d"), final)
        if self._language.ordinal_stops and _NUMBER.fullmatch(word):
            return self._unless(self._language.ordinal_nouns, final)
        return _Boundary.SENTENCE

    def _unless(self, pattern: re.Pattern[str], final: bool) -> _Boundary:
        """The end of a sentence, unless what follows begins with `pattern`; decided when the next word is there."""
        ahead = self._text[self._at + 1 : self._at + 1 + _LOOK_AHEAD]
        if not final and len(ahead) < _LOOK_AHEAD and not _WHOLE_WORD.match(ahead):
            return _Boundary.UNDECIDED
        return _Boundary.NONE if pattern.match(ahead) else _Boundary.SENTENCE
