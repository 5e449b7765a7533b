"""Pauses in speech as it comes in, by level alone, over a background of any loudness."""

from __future__ import annotations

import math
from collections import deque

from voicechat.asr.levels import FRAME_SAMPLES, SILENT_DBFS, frame_levels_dbfs
from voicechat.audio.pcm import SILENCE_DBFS, Pcm16

BELOW_PEAK_DB = 25.0
"""A frame this far below the loudest one is a pause: weak consonants are 15 to 20 dB below the vowels beside them."""
ABOVE_BACKGROUND_DB = 6.0
"""Steady noise stays within this of its own mean."""
FAR_ABOVE_BACKGROUND_DB = 20.0
"""Whatever else was louder, a frame this far above the background is no pause: a slammed door must not hide speech."""
LEAST_BELOW_PEAK_DB = 7.0
"""A frame closer to the loudest one is no pause, however steady: vowels are held."""
LEAST_BACKGROUND_DBFS = SILENT_DBFS - 5.0
BACKGROUND_FRAMES = 5
"""100 ms: the background is the quietest stretch of this length."""
BACKGROUND_RISE_DB = 0.04
"""A frame: a background that grows louder, by 2 dB a second, is followed."""


class PauseMeter:
    """Follows an utterance as it is spoken: whether anything was said, and for how long it has been quiet since."""

    def __init__(self) -> None:
        self._loudest_dbfs = SILENCE_DBFS
        self._background_dbfs = math.inf
        self._recent: deque[float] = deque(maxlen=BACKGROUND_FRAMES)
        self.quiet_samples = 0

    @property
    def heard_voice(self) -> bool:
        """Whether anything so far is louder than silence."""
        return self._loudest_dbfs > SILENT_DBFS

    def push(self, pcm: Pcm16) -> None:
        """Take more of the utterance; what is no whole number of 20 ms frames is metered in smaller ones."""
        for index, level_dbfs in enumerate(frame_levels_dbfs(pcm)):
            samples = min(FRAME_SAMPLES, pcm.size - index * FRAME_SAMPLES)
            self._follow(float(level_dbfs))
            self.quiet_samples = self.quiet_samples + samples if level_dbfs <= self._quiet_dbfs else 0

    def _follow(self, level_dbfs: float) -> None:
        self._loudest_dbfs = max(self._loudest_dbfs, level_dbfs)
        self._recent.append(level_dbfs)
        if len(self._recent) == BACKGROUND_FRAMES:
            mean = sum(self._recent) / BACKGROUND_FRAMES
            self._background_dbfs = min(self._background_dbfs + BACKGROUND_RISE_DB, mean)

    @property
    def range_db(self) -> float:
        """How far the loudest frame is above the background: in a small range soft speech is as quiet as a pause."""
        background = SILENT_DBFS if math.isinf(self._background_dbfs) else self._background_dbfs
        return self._loudest_dbfs - max(LEAST_BACKGROUND_DBFS, background)

    @property
    def _quiet_dbfs(self) -> float:
        """The loudest that a pause may be."""
        if math.isinf(self._background_dbfs):
            return SILENT_DBFS
        background = max(LEAST_BACKGROUND_DBFS, self._background_dbfs)
        below_speech = min(self._loudest_dbfs - BELOW_PEAK_DB, background + FAR_ABOVE_BACKGROUND_DB)
        over_background = min(background + ABOVE_BACKGROUND_DB, self._loudest_dbfs - LEAST_BELOW_PEAK_DB)
        return max(SILENT_DBFS, below_speech, over_background)
