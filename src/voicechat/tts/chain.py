"""What a reply's audio passes on its way out: the voice's gain, one resampler, one limiter, rounding."""

from __future__ import annotations

import numpy as np

from voicechat.audio.loudness import Limiter
from voicechat.audio.pcm import Pcm16, Pcm32f, to_int16
from voicechat.audio.resample import FloatStreamResampler


class OutputChain:
    """Turns a voice's audio into the reply's. Its filters hold a few ms back until `finish`."""

    def __init__(self, gain_db: float, from_hz: int, to_hz: int) -> None:
        self._gain = np.float32(10 ** (gain_db / 20))
        self._resampler = FloatStreamResampler(from_hz, to_hz)
        self._limiter = Limiter(to_hz)

    def push(self, samples: Pcm32f) -> Pcm16:
        """Take float32 audio at the voice's rate; returns int16 at the reply's."""
        return to_int16(self._limiter.push(self._resampler.push(samples * self._gain)))

    def finish(self) -> Pcm16:
        """What the filters still held."""
        tail = self._limiter.push(self._resampler.finish())
        return to_int16(np.concatenate((tail, self._limiter.finish())))
