"""Sample rate conversion by libsoxr, whole or as a stream."""

from __future__ import annotations

import numpy as np
import soxr

from voicechat.audio.pcm import Pcm16


def resample(pcm: Pcm16, from_hz: int, to_hz: int) -> Pcm16:
    """Convert a whole recording."""
    if from_hz == to_hz:
        return pcm
    out: Pcm16 = soxr.resample(pcm, from_hz, to_hz, quality="HQ")
    return out


class StreamResampler:
    """Converts one stream of int16 mono audio; the filter's tail comes out of `finish`.

    Chunks of any length may be pushed, and together yield what the whole would.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._stream = None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16", quality="HQ")

    def push(self, pcm: Pcm16) -> Pcm16:
        """Convert more; may return fewer samples than it was given, even none."""
        if self._stream is None:
            return pcm
        out: Pcm16 = self._stream.resample_chunk(pcm)
        return out

    def finish(self) -> Pcm16:
        """The rest of the stream, after which nothing may be pushed."""
        if self._stream is None:
            return np.zeros(0, np.int16)
        out: Pcm16 = self._stream.resample_chunk(np.zeros(0, np.int16), last=True)
        return out
