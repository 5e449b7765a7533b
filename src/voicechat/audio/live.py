"""Sample rate conversion of live audio, where a delay costs more than a perfect filter gains.

libswresample's short filter holds back 1 ms (2 ms from 8 kHz) and gives the rest at once, with images 60 dB down; soxr
collects blocks of up to 37 ms, which everything that listens would wait for.
"""

from __future__ import annotations

from collections.abc import Sequence

import av
import av.audio
import numpy as np

from voicechat.audio.pcm import Pcm16

_NOTHING = np.zeros(0, np.int16)


class LiveResampler:
    """Converts int16 mono chunks of any size to `to_hz`; a chunk of another rate begins a new stream.

    The filter's delay is filled with silence at the beginning, so that whole frames in are whole frames out.
    """

    def __init__(self, to_hz: int) -> None:
        self._to_hz = to_hz
        self._from_hz = 0
        self._resampler: av.AudioResampler | None = None

    def push(self, pcm: Pcm16, from_hz: int) -> Pcm16:
        """Everything that can be told of the stream so far."""
        if not pcm.size:
            return _NOTHING
        if self._resampler is not None and from_hz == self._from_hz:
            return _joined(self._resampler.resample(_frame(pcm, from_hz)))
        self._from_hz = from_hz
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=self._to_hz)
        first = _joined(self._resampler.resample(_frame(pcm, from_hz)))
        return np.pad(first, (max(0, pcm.size * self._to_hz // from_hz - first.size), 0))

    def finish(self) -> Pcm16:
        """What the filter still holds; the next chunk begins a new stream."""
        resampler, self._resampler = self._resampler, None
        return _joined(resampler.resample(None)) if resampler is not None else _NOTHING


def _frame(pcm: Pcm16, rate_hz: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm).reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = rate_hz
    return frame


def _joined(frames: Sequence[av.AudioFrame]) -> Pcm16:
    parts: list[Pcm16] = [frame.to_ndarray().reshape(-1).astype(np.int16, copy=False) for frame in frames]
    return np.concatenate(parts) if parts else _NOTHING
