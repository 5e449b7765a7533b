"""Gain that moves without a click."""

from __future__ import annotations

import numpy as np

from voicechat.audio.pcm import Pcm16, Pcm32f


def db_to_linear(db: float) -> float:
    """Amplitude ratio of a level in dB."""
    return float(10 ** (db / 20))


class GainRamp:
    """Follows its target on a straight line that takes `ramp_samples` from wherever it stands."""

    def __init__(self, ramp_samples: int) -> None:
        self._ramp_samples = ramp_samples
        self._value = 1.0
        self._target = 1.0
        self._step = 0.0

    @property
    def value(self) -> float:
        """The gain that the next sample gets."""
        return self._value

    def aim(self, target: float) -> None:
        """Move to `target`, linear amplitude, from now on."""
        if target == self._target:
            return
        self._target = target
        self._step = (target - self._value) / self._ramp_samples

    def jump(self, value: float) -> None:
        """Be at `value` at once; for where no audio is."""
        self._value = self._target = value
        self._step = 0.0

    def apply(self, pcm: Pcm16) -> Pcm16:
        """The samples with the gain on them; int16, mono."""
        if self._step == 0.0 and self._value == 1.0:
            return pcm
        scaled: Pcm32f = pcm * self._curve(pcm.size)
        out: Pcm16 = np.rint(scaled).astype(np.int16)
        return out

    def _curve(self, samples: int) -> Pcm32f:
        steps = np.arange(1, samples + 1, dtype=np.float32)
        low, high = sorted((self._value, self._target)) if self._step else (self._value, self._value)
        curve: Pcm32f = np.clip(np.float32(self._value) + np.float32(self._step) * steps, low, high).astype(np.float32)
        self._value = float(curve[-1]) if samples else self._value
        if abs(self._value - self._target) < 1e-6:
            self._value, self._step = self._target, 0.0
        return curve
