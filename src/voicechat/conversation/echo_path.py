"""Whether the assistant's own sound comes back through the microphone at all.

An echo canceller that has no echo to learn from takes the person for one and mutes them for seconds. Most clients
cancel echo themselves or have headphones, so the question is asked first: the cross-correlation of what was played and
what was recorded, whitened (GCC-PHAT, Knapp and Carter 1976), has a peak where an echo is and none where there is none.

Measured on recordings of people over the default voice, 0.75 s at a time: without an echo the peak was 3.5 to 7 times
the correlation's RMS, in noise 10 dB under the person too; with one of -20 dB, in a room of 0.4 s reverberation and
with the person speaking over it, 10 to 60 times; with one of -40 dB alone, 14 to 40 times.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from voicechat.asr.port import EARS_RATE_HZ
from voicechat.audio.pcm import Pcm16, Pcm32f, to_float

BLOCK_S = 0.01
HEARD_S = 0.75
"""Of the microphone, searched for what was played."""
LATEST_S = 0.5
"""Longest way from the sending of a sound to the microphone."""
CHECK_S = 0.25
PEAK = 8.5
"""Times the correlation's RMS from which its peak is an echo."""
LOUD_DBFS = -40.0
"""Nothing is learned while less than this is played."""
BAND_HZ = (100, 7000)
CHECKS_TO_REST = 2
"""Checks without an echo after which nobody waits for one that was never heard."""
CHECKS_TO_FORGET = 12
"""The same where one was heard before: a loud person may hide it for a while."""

_HEARD_BLOCKS = round(HEARD_S / BLOCK_S)
_PLAYED_BLOCKS = round((HEARD_S + LATEST_S) / BLOCK_S)
_CHECK_BLOCKS = round(CHECK_S / BLOCK_S)
_FFT_SAMPLES = 32_768


class EchoPath:
    """Told of both sounds 10 ms at a time, at `EARS_RATE_HZ`. Until it knows better there is an echo."""

    def __init__(self) -> None:
        self._played: deque[Pcm16] = deque(maxlen=_PLAYED_BLOCKS)
        self._heard: deque[Pcm16] = deque(maxlen=_HEARD_BLOCKS)
        self._since_check = 0
        self._checks_left = CHECKS_TO_REST
        hz = np.fft.rfftfreq(_FFT_SAMPLES, 1 / EARS_RATE_HZ)
        self._band = (hz >= BAND_HZ[0]) & (hz <= BAND_HZ[1])

    @property
    def open(self) -> bool:
        """Whether there may be an echo to cancel."""
        return self._checks_left > 0

    def note(self, played: Pcm16, heard: Pcm16) -> None:
        """Ten more ms of what was played and what the microphone recorded meanwhile."""
        self._played.append(played)
        self._heard.append(heard)
        self._since_check += 1
        if self._since_check < _CHECK_BLOCKS or len(self._heard) < _HEARD_BLOCKS:
            return
        far, near = to_float(np.concatenate(self._played)), to_float(np.concatenate(self._heard))
        if float(np.mean(np.square(far[-near.size :]))) < 10 ** (LOUD_DBFS / 10):
            return
        self._since_check = 0
        if self._peak(far, near) >= PEAK:
            self._checks_left = CHECKS_TO_FORGET
        else:
            self._checks_left = max(0, self._checks_left - 1)

    def _peak(self, far: Pcm32f, near: Pcm32f) -> float:
        """The highest correlation over all delays, times their RMS."""
        spectrum = np.fft.rfft(near, _FFT_SAMPLES) * np.conj(np.fft.rfft(far, _FFT_SAMPLES))
        spectrum = np.where(self._band, spectrum / (np.abs(spectrum) + 1e-12), 0)
        latest = far.size - near.size
        by_delay = np.fft.irfft(spectrum, _FFT_SAMPLES)[-latest:] if latest else np.zeros(1)
        rms = float(np.sqrt(np.mean(np.square(by_delay))))
        return float(by_delay.max()) / rms if rms > 0 else 0.0
