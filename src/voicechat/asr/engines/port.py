"""A recognition engine as the ears meet it: a loaded model that turns one stretch of speech into words.

All calls block; the ears make them on the threads of `voicechat.asr.worker`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from voicechat.asr.port import HeardWord
from voicechat.audio.pcm import Pcm16


@dataclass(frozen=True, slots=True)
class Recognition:
    """What an engine heard in one stretch; word times count from its first sample."""

    text: str
    language: str
    words: tuple[HeardWord, ...] = ()
    no_speech_prob: float = 0.0


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model computes: device, arithmetic (both in the engine's own terms), and threads of the processor."""

    device: str = "cpu"
    compute_type: str = "int8"
    threads: int = 1


class RecognitionEngine(Protocol):
    """A loaded model."""

    @property
    def longest_s(self) -> float:
        """Longest stretch that it is given at once."""

    def language_code(self, language: str | None) -> str | None:
        """The model's own code of a BCP 47 tag; None where it is to be detected.

        Raises `UnknownLanguageError`.
        """

    def recognise(self, pcm: Pcm16, language: str | None, *, words: bool = False) -> Recognition:
        """Recognise at most `longest_s` of 16 kHz audio. `language` comes from `language_code`.

        Silence and noise give empty text. Raises `EarsError`.
        """
