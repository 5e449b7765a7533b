"""Ears that guess in a pause, as those of the product do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from voicechat.asr.fake import ScriptedEars, ScriptedStream, scripted_transcript
from voicechat.asr.port import EARS_RATE_HZ, RecognitionStream

GUESS_AFTER_S = 0.1


class _GuessingStream(ScriptedStream):
    _quiet_samples = 0
    _guessed = True

    def push(self, pcm: npt.NDArray[np.int16]) -> None:
        super().push(pcm)
        if np.abs(pcm).max(initial=0) > 1000:
            self._quiet_samples, self._guessed = 0, False
            return
        self._quiet_samples += pcm.size
        following = self._script[0] if self._script else ""
        if not self._guessed and self._quiet_samples >= GUESS_AFTER_S * EARS_RATE_HZ and isinstance(following, str):
            self._guessed = True
            guess = scripted_transcript(following, self._audio_s, is_final=False)
            self._results.put_nowait(replace(guess, is_speculative=True))


class GuessingEars(ScriptedEars):
    """Hear the next line of the script 100 ms into every pause, and again when they are asked."""

    def stream(self, language: str | None = None) -> RecognitionStream:
        self.streams.append(_GuessingStream(self.script, interims=False))
        return self.streams[-1]
