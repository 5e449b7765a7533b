"""Sounds that are neither speech nor silence."""

from __future__ import annotations

import numpy as np

from voicechat.audio.pcm import Pcm16
from voicechat.client.playout import RATE_HZ


def tone(ms: float, level: float = 0.1, rate_hz: int = RATE_HZ) -> Pcm16:
    """A sine of 300 Hz, amplitude `level`; at the rate of Realtime unless told."""
    at = np.arange(round(ms * rate_hz / 1000)) / rate_hz
    return (level * 32767 * np.sin(2 * np.pi * 300 * at)).astype(np.int16)
