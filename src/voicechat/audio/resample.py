"""Sample rate conversion by libsoxr, whole or as a stream."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import soxr

from voicechat.audio.pcm import Pcm16

Sample = TypeVar("Sample", np.int16, np.float32)


def resample(pcm: Pcm16, from_hz: int, to_hz: int) -> Pcm16:
    """Convert a whole recording."""
    if from_hz == to_hz:
        return pcm
    out: Pcm16 = soxr.resample(pcm, from_hz, to_hz, quality="HQ")
    return out


class _Stream(Generic[Sample]):
    """Converts one mono stream; chunks of any length may be pushed, and together yield what the whole would."""

    def __init__(self, from_hz: int, to_hz: int, dtype: type[Sample]) -> None:
        self._dtype: type[Sample] = dtype
        self._stream = (
            None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, 1, dtype=dtype.__name__, quality="HQ")
        )

    def push(self, pcm: npt.NDArray[Sample]) -> npt.NDArray[Sample]:
        """Convert more; may return fewer samples than it was given, even none."""
        if self._stream is None:
            return pcm
        out: npt.NDArray[Sample] = self._stream.resample_chunk(pcm)
        return out

    def finish(self) -> npt.NDArray[Sample]:
        """The rest of the stream (the filter's tail), after which nothing may be pushed."""
        nothing = np.zeros(0, self._dtype)
        if self._stream is None:
            return nothing
        out: npt.NDArray[Sample] = self._stream.resample_chunk(nothing, last=True)
        return out


class StreamResampler(_Stream[np.int16]):
    """Converts one stream of int16 mono audio; the filter's tail comes out of `finish`."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        super().__init__(from_hz, to_hz, np.int16)


class FloatStreamResampler(_Stream[np.float32]):
    """Converts one stream of float32 mono audio, for gain and limiting before samples are rounded."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        super().__init__(from_hz, to_hz, np.float32)
