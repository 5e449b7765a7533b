"""An engine that hears numbers: each run of equal non-zero samples is the word of that number, spoken at that level."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np

from voicechat.asr.engines.port import Recognition
from voicechat.asr.port import EARS_RATE_HZ, HeardWord, UnknownLanguageError
from voicechat.audio.pcm import Pcm16


def spoken(word: int, seconds: float) -> Pcm16:
    """Audio in which the engine hears `word`, a number of at least 2000."""
    return np.full(round(seconds * EARS_RATE_HZ), word, np.int16)


@dataclass
class NumberEngine:
    """Hears at once unless `gate` is cleared; `failure` is raised by every recognition while it is set."""

    gate: threading.Event = field(default_factory=threading.Event)
    failure: Exception | None = None
    heard_s: list[float] = field(default_factory=list)
    longest_s: float = 28.0

    def __post_init__(self) -> None:
        self.gate.set()

    def language_code(self, language: str | None) -> str | None:
        """English, or to be detected. Raises `UnknownLanguageError` for all others."""
        if language not in (None, "auto", "en"):
            raise UnknownLanguageError(f"only en is heard, not {language}")
        return None if language in (None, "auto") else language

    def recognise(self, pcm: Pcm16, language: str | None, *, words: bool = False) -> Recognition:
        """The numbers in order, each once for each run of it."""
        self.gate.wait()
        self.heard_s.append(pcm.size / EARS_RATE_HZ)
        if self.failure is not None:
            raise self.failure
        starts = np.flatnonzero(np.diff(pcm, prepend=np.int16(0)))
        runs = [start for start in starts if pcm[start]]
        found = [HeardWord(str(pcm[start]), start / EARS_RATE_HZ, start / EARS_RATE_HZ) for start in runs]
        return Recognition(" ".join(word.text for word in found), language or "en", tuple(found) if words else ())
