"""A voice without a model, for unit tests: each word is a tenth of a second of a constant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np

from voicechat.audio.pcm import Pcm32f
from voicechat.tts.engine import Part, Prosody, SegmentPlan, VoiceTraits, WordTime, never

WORD_S = 0.1
LEVEL = 0.25


class FakeVoice:
    """Speaks `WORD_S` a word, one part a word. `prosodies` and `taken` show what was asked of it."""

    def __init__(self, sample_rate_hz: int = 8000) -> None:
        self.prosodies: list[Prosody] = []
        self.taken = 0
        self._traits = VoiceTraits(sample_rate_hz, "en-US", ("default", "other"))

    @property
    def traits(self) -> VoiceTraits:
        """Two speakers of English."""
        return self._traits

    def speak(self, text: str, prosody: Prosody, hurry: Callable[[], bool] = never) -> Iterator[Part]:
        """The plan, then a part for each word."""
        self.prosodies.append(prosody)
        places = [match.span() for match in re.finditer(r"[\w']+", text)]
        words = tuple(WordTime(*place, at * WORD_S, (at + 1) * WORD_S) for at, place in enumerate(places))
        yield SegmentPlan(words, len(words) * WORD_S)
        for _ in words:
            self.taken += 1
            yield self._word()

    def _word(self) -> Pcm32f:
        return np.full(round(WORD_S * self._traits.sample_rate_hz), LEVEL, np.float32)
