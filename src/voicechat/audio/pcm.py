"""PCM samples, their durations and their level. Arrays are mono: int16, or float32 in [-1, 1]."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Pcm16 = npt.NDArray[np.int16]
Pcm32f = npt.NDArray[np.float32]

SILENCE_DBFS = -120.0
"""The level given for digital silence."""


def to_float(pcm: Pcm16) -> Pcm32f:
    """Scale int16 to float32 in [-1, 1)."""
    return pcm.astype(np.float32) / np.float32(32768.0)


def to_int16(samples: Pcm32f) -> Pcm16:
    """Round float32 to int16, saturating outside [-1, 1]."""
    scaled: Pcm32f = np.clip(np.rint(samples * np.float32(32767.0)), -32768, 32767)
    return scaled.astype(np.int16)


def from_bytes(data: bytes) -> Pcm16:
    """View little-endian 16-bit samples. Raises `ValueError` on an odd number of bytes."""
    if len(data) % 2:
        raise ValueError(f"{len(data)} bytes are not a whole number of 16-bit samples")
    return np.frombuffer(data, dtype="<i2")


def ms_to_samples(ms: float, sample_rate_hz: int) -> int:
    """Nearest number of samples."""
    return round(ms * sample_rate_hz / 1000)


def samples_to_ms(samples: int, sample_rate_hz: int) -> float:
    """Duration in ms."""
    return samples * 1000 / sample_rate_hz


def rms_dbfs(pcm: Pcm16) -> float:
    """Level relative to a full-scale square wave, dB; `SILENCE_DBFS` for silence."""
    if pcm.size == 0:
        return SILENCE_DBFS
    rms = math.sqrt(float(np.mean(np.square(to_float(pcm), dtype=np.float64))))
    return max(SILENCE_DBFS, 20 * math.log10(rms)) if rms > 0 else SILENCE_DBFS
