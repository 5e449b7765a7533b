"""The words of a reply on its own clock: what was heard is a prefix of what was written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from voicechat.fleet.port import SpokenWord


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the text as written, a word and what leads to it, heard from `start_ms` to `end_ms`."""

    text: str
    start_ms: float
    end_ms: float


class SpokenText:
    """Grows as text is sent and words are timed. Pieces joined are the text, to the character."""

    def __init__(self) -> None:
        self._text = ""
        self._cut = 0
        self._pieces: list[Piece] = []

    @property
    def text(self) -> str:
        """All that was sent."""
        return self._text

    def sent(self, text: str) -> None:
        """More text went to the voice."""
        self._text += text

    def timed(self, words: Iterable[SpokenWord]) -> list[Piece]:
        """Words got their times; returns the pieces they make."""
        pieces = [piece for word in words if (piece := self._piece(word)) is not None]
        self._pieces += pieces
        return pieces

    def finish(self, end_ms: float) -> list[Piece]:
        """The voice is done: what no word covered goes with the end."""
        if self._cut >= len(self._text):
            return []
        rest = Piece(self._text[self._cut :], end_ms, end_ms)
        self._cut = len(self._text)
        self._pieces.append(rest)
        return [rest]

    def heard(self, position_ms: float) -> str:
        """The text up to and with the last word of which half was heard."""
        heard = ""
        for piece in self._pieces:
            if (piece.start_ms + piece.end_ms) / 2 > position_ms:
                break
            heard += piece.text
        return heard

    def _piece(self, word: SpokenWord) -> Piece | None:
        end = self._with_punctuation(word.char_end)
        if end <= self._cut:
            return None
        piece = Piece(self._text[self._cut : end], word.start_ms, word.end_ms)
        self._cut = end
        return piece

    def _with_punctuation(self, end: int) -> int:
        """Marks that follow a word without a space belong to it."""
        while end < len(self._text) and not (self._text[end].isalnum() or self._text[end].isspace()):
            end += 1
        return end
