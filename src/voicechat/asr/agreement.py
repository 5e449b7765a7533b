"""Interim words that stay: what two hypotheses in a row begin with is kept.

LocalAgreement with n = 2 (Liu, Spanakis and Niehues 2020, "Low-latency sequence-to-sequence speech recognition and
translation by partial hypothesis selection"; for Whisper: Macháček, Dabre and Bojar 2023).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Languages written without spaces between words."""


def joined(texts: Sequence[str], language: str) -> str:
    """Parts of one utterance as one text; empty ones count for nothing."""
    return _space(language).join(text for text in texts if text)


class AgreedWords:
    """The interim text of one utterance: agreed words never change, the rest is the newest hypothesis."""

    def __init__(self) -> None:
        self._agreed: list[str] = []
        self._last: list[str] = []

    def push(self, hypothesis: str, language: str) -> str:
        """Take a newer hypothesis of the whole utterance; returns what to show."""
        words = _words(hypothesis, language)
        pairs = zip(self._last, words, strict=False)
        both = sum(1 for _ in takewhile(lambda pair: _plain(pair[0]) == _plain(pair[1]), pairs))
        self._last = words
        self._agreed += words[len(self._agreed) : both]
        return _space(language).join([*self._agreed, *words[len(self._agreed) :]])

    def correct(self, hypothesis: str, language: str) -> None:
        """Take a hypothesis that counts for more than agreement: nothing before it is kept."""
        self._agreed = []
        self._last = _words(hypothesis, language)


def _words(text: str, language: str) -> list[str]:
    return list(text) if language in UNSPACED else text.split()


def _space(language: str) -> str:
    return "" if language in UNSPACED else " "


def _plain(word: str) -> str:
    """A word as it is said; a sign that is no word agrees with itself alone."""
    return re.sub(r"[^\w]|_", "", word.lower()) or word
