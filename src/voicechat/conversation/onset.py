"""When speech truly began: voice activity is sure of it only some windows later, and counts from then.

The detector smooths its probabilities and wants two windows of 32 ms in a row. Its first doubt comes sooner: on
recordings of people a window's own probability passes 0.25 at 36 ms after the onset (median; 95th percentile 62 ms),
where the announcement comes at 92 ms (148 ms). How far that window reaches back is told by its sound.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile

import numpy as np
from livekit.agents.vad import VADEvent, VADEventType

from voicechat.audio.pcm import Pcm16, rms_dbfs

SMOOTHING = 0.35
"""Weight of the past in the detector's probability (an exponential filter, `livekit-plugins-silero`)."""
POSSIBLE = 0.25
"""A window's own probability from which somebody may be speaking."""
GAP_WINDOWS = 2
"""Windows without a sign of speech after which what comes is another onset."""
WINDOW_S = 0.032
STEP_S = 0.008
LOOK_BACK_S = 0.064
OVER_FLOOR_DB = 10.0
"""Sound this much louder than what was there before belongs to the speech behind it."""
FLOOR_WINDOWS = 32
"""A second, whose quietest windows are the floor."""
FLOOR_PERCENTILE = 20
LOWEST_FLOOR_DBFS = -65.0


class Onset:
    """Follows the events of one stream of voice activity."""

    def __init__(self) -> None:
        self._smoothed = 0.0
        self._began_s: float | None = None
        self._until_s = 0.0
        self._windows_without = GAP_WINDOWS
        self._levels: deque[float] = deque(maxlen=round(LOOK_BACK_S / STEP_S))
        self._floors: deque[float] = deque(maxlen=FLOOR_WINDOWS)

    @property
    def possible(self) -> bool:
        """Whether somebody may be speaking now, though it is not yet said so."""
        return self._windows_without < GAP_WINDOWS

    @property
    def sounding(self) -> bool:
        """Whether the last window held a sign of speech."""
        return self._windows_without == 0

    def take(self, event: VADEvent) -> VADEvent:
        """The event, its speech counted from the true onset to the last window that held any."""
        if event.type is VADEventType.INFERENCE_DONE:
            self._hear(event)
        if not event.speech_duration or self._began_s is None:
            return event
        return replace(event, speech_duration=self._until_s - self._began_s)

    def _hear(self, event: VADEvent) -> None:
        levels = [rms_dbfs(step) for step in _steps(event)]
        if self._own_probability(event.probability) >= POSSIBLE:
            if not self.possible and not event.speaking:
                self._began_s = event.timestamp - self._reaches_back_s([*self._levels, *levels])
            self._windows_without = 0
            self._until_s = event.timestamp
        else:
            self._windows_without += 1
            if not event.speaking:
                self._floors.append(min(levels, default=LOWEST_FLOOR_DBFS))
        self._levels.extend(levels)

    def _own_probability(self, smoothed: float) -> float:
        """What the detector thought of this window alone."""
        before, self._smoothed = self._smoothed, smoothed
        return (smoothed - SMOOTHING * before) / (1 - SMOOTHING)

    def _reaches_back_s(self, levels: list[float]) -> float:
        """How long the sound at the end of `levels` has been there: a window at least, which is what was judged."""
        floor = float(np.percentile(self._floors, FLOOR_PERCENTILE)) if self._floors else LOWEST_FLOOR_DBFS
        threshold = max(LOWEST_FLOOR_DBFS, floor) + OVER_FLOOR_DB
        sounding = takewhile(lambda level: level >= threshold, reversed(levels))
        return max(WINDOW_S, STEP_S * sum(1 for _ in sounding))


def _steps(event: VADEvent) -> Iterator[Pcm16]:
    """The window's sound, `STEP_S` at a time."""
    for frame in event.frames:
        size = round(STEP_S * frame.sample_rate)
        pcm = np.frombuffer(frame.data, dtype=np.int16)
        yield from np.split(pcm, range(size, pcm.size, size))
