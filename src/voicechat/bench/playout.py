"""A listener who plays what arrives, 20 ms at a time, on a clock of its own."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from voicechat.audio.pcm import Pcm16, ms_to_samples

TICK_S = 0.02
SOUND_DBFS = -50.0
"""What is louder counts as sound."""

_SOUND_LEVEL = round(32768 * 10 ** (SOUND_DBFS / 20))


@dataclass(frozen=True, slots=True)
class Arrival:
    """Samples [`start`, `end`) of a reply were there at `at_s`."""

    at_s: float
    start: int
    end: int


class Playout:
    """Plays one reply in real time from the moment its first 20 ms are there.

    Time is given with every call and may be the caller's own; what happens between two calls of `advance` is worked out
    from the times of arrival, so a late call falsifies nothing. A tick that finds no whole chunk is an underrun if more
    audio follows it; the chunk is then played at the next tick that finds it.
    """

    def __init__(self) -> None:
        self.rate_hz = 0
        self.underruns = 0
        self.first_audio_s: float | None = None
        self.held_before_audio = False
        self._arrivals: list[Arrival] = []
        self._coming: deque[Arrival] = deque()
        self._received = 0
        self._available = 0
        self._sound_at: int | None = None
        self._ended_s: float | None = None
        self._paused_s: float | None = None
        self._next_tick_s = 0.0
        self._dry_ticks = 0
        self._played = 0
        self._tick_times: list[float] = []

    # --- what arrives

    def arrive(self, at_s: float, pcm: Pcm16, rate_hz: int) -> None:
        """Take the next samples of the reply."""
        self.rate_hz = rate_hz
        self._note_sound(pcm)
        arrival = Arrival(at_s, self._received, self._received + pcm.size)
        self._arrivals.append(arrival)
        self._coming.append(arrival)
        self._received = arrival.end
        if self._received >= self._tick_samples:
            self._begin(at_s)

    def end(self, at_s: float) -> None:
        """Nothing more arrives."""
        self._ended_s = at_s
        if self._received:
            self._begin(at_s)

    def pause(self, at_s: float) -> None:
        """Hold the clock."""
        self.advance(at_s)
        self._paused_s = at_s
        self.held_before_audio = self.held_before_audio or self.first_audio_s is None

    def resume(self, at_s: float) -> None:
        """Let the clock go on where it was held."""
        if self._paused_s is None:
            return
        if self.first_audio_s is not None:
            self._next_tick_s = at_s + max(0.0, self._next_tick_s - max(self._paused_s, self.first_audio_s))
        self._paused_s = None

    # --- what is played

    def advance(self, now_s: float) -> None:
        """Play every tick that was due by `now_s`."""
        if self.first_audio_s is None or self._paused_s is not None:
            return
        while not self.finished and self._next_tick_s <= now_s:
            self._tick(self._next_tick_s)
            self._next_tick_s += TICK_S

    @property
    def finished(self) -> bool:
        """Whether all that will ever arrive has been played."""
        return self._ended_s is not None and self._played == self._received

    @property
    def played_samples(self) -> int:
        """Heard so far."""
        return self._played

    @property
    def received_samples(self) -> int:
        """There so far."""
        return self._received

    @property
    def audio_s(self) -> float:
        """Length of what is there so far."""
        return self._received / self.rate_hz if self.rate_hz else 0.0

    @property
    def chunks(self) -> int:
        """Chunks played; the last of a reply may be shorter than the others."""
        return len(self._tick_times)

    @property
    def remaining_s(self) -> float:
        """Real time that the rest of what is there takes."""
        return (self._received - self._played) / self.rate_hz if self.rate_hz else 0.0

    @property
    def first_sound_s(self) -> float | None:
        """When the first sample above `SOUND_DBFS` was heard; None before."""
        if self._sound_at is None or self._sound_at >= self._played:
            return None
        tick, inside = divmod(self._sound_at, self._tick_samples)
        return self._tick_times[tick] + inside / self.rate_hz

    @property
    def gapless_start_s(self) -> float | None:
        """The earliest start from which all that is there would have been played without an underrun."""
        return gapless_start_s(self._arrivals, self.rate_hz) if self._arrivals else None

    def longest_wait_s(self, since_s: float) -> float:
        """The longest time without new audio, from `since_s` to the last that came."""
        times = [since_s, *(arrival.at_s for arrival in self._arrivals)]
        return max((later - earlier for earlier, later in pairwise(times)), default=0.0)

    @property
    def _tick_samples(self) -> int:
        return ms_to_samples(TICK_S * 1000, self.rate_hz)

    def _begin(self, at_s: float) -> None:
        if self.first_audio_s is None:
            self.first_audio_s = self._next_tick_s = at_s

    def _note_sound(self, pcm: Pcm16) -> None:
        if self._sound_at is None:
            loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > _SOUND_LEVEL)
            if loud.size:
                self._sound_at = self._received + int(loud[0])

    def _tick(self, at_s: float) -> None:
        while self._coming and self._coming[0].at_s <= at_s:
            self._available = self._coming.popleft().end
        wanted = self._tick_samples
        if self._ended_s is not None and self._ended_s <= at_s:
            wanted = min(wanted, self._received - self._played)
        if self._available - self._played < wanted:
            self._dry_ticks += 1
            return
        self._played += wanted
        self._tick_times.append(at_s)
        self.underruns += self._dry_ticks
        self._dry_ticks = 0


def gapless_start_s(arrivals: Sequence[Arrival], rate_hz: int) -> float:
    """The earliest start of playing from which every chunk of 20 ms is there when it is due."""
    tick = ms_to_samples(TICK_S * 1000, rate_hz)
    latest = -math.inf
    for arrival in arrivals:
        # Of the chunks that need these samples, the first is due soonest.
        chunk = arrival.start // tick
        latest = max(latest, arrival.at_s - chunk * TICK_S)
    return latest
