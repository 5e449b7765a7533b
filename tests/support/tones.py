"""Sounds that are neither speech nor silence."""

from __future__ import annotations

import numpy as np

from voicechat.audio.pcm import Pcm16
from voicechat.client.playout import RATE_HZ


def tone(ms: float, level: float = 0.1) -> Pcm16:
    """A sine of 300 Hz at the rate of Realtime, amplitude `level`."""
    at = np.arange(round(ms * RATE_HZ / 1000)) / RATE_HZ
    return (level * 32767 * np.sin(2 * np.pi * 300 * at)).astype(np.int16)
