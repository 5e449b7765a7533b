"""Telephone companding, ITU-T G.711, at any sample rate (8 kHz on the wire)."""

from __future__ import annotations

import io
from enum import StrEnum

import numpy as np
import soundfile

from voicechat.audio.pcm import Pcm16


class Law(StrEnum):
    """The two laws of G.711, by libsndfile's names."""

    MU = "ULAW"
    A = "ALAW"


def encode(pcm: Pcm16, law: Law) -> bytes:
    """One byte a sample."""
    out = io.BytesIO()
    soundfile.write(out, pcm, 8000, format="RAW", subtype=law.value)
    return out.getvalue()


def decode(data: bytes, law: Law) -> Pcm16:
    """int16, mono."""
    if not data:
        return np.zeros(0, np.int16)
    samples, _ = soundfile.read(
        io.BytesIO(data), dtype="int16", format="RAW", subtype=law.value, samplerate=8000, channels=1
    )
    pcm: Pcm16 = samples
    return pcm
