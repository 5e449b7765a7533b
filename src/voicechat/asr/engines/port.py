"""A recognition engine as the ears meet it: a loaded model that turns one stretch of speech into words.

All calls block; the ears make them on the threads of `voicechat.asr.worker`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from voicechat.asr.port import HeardWord
from voicechat.audio.pcm import Pcm16

MAX_PIECE_S = 28.0
"""Longest stretch that an engine is given."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """What an engine heard in one stretch; word times count from its first sample."""

    text: str
    language: str
    words: tuple[HeardWord, ...] = ()
    no_speech_prob: float = 0.0


class RecognitionEngine(Protocol):
    """A loaded model."""

    def language_code(self, language: str | None) -> str | None:
        """The model's own code of a BCP 47 tag; None where it is to be detected.

        Raises `UnknownLanguageError`.
        """

    def recognise(self, pcm: Pcm16, language: str | None, *, words: bool = False) -> Recognition:
        """Recognise at most `MAX_PIECE_S` of 16 kHz audio. `language` comes from `language_code`.

        Silence and noise give empty text. Raises `EarsError`.
        """
