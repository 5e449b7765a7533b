from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechat.audio.resample import FloatStreamResampler, StreamResampler, resample


def tone(samples: int, rate_hz: int, frequency_hz: float = 440.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.sin(2 * np.pi * frequency_hz * np.arange(samples) / rate_hz)


@settings(deadline=None, max_examples=50)
@given(cuts=st.lists(st.integers(1, 4000), max_size=12))
def test_chunks_together_give_what_the_whole_would(cuts: list[int]) -> None:
    samples = (tone(11_025, 22_050) * 10_000).astype(np.int16)
    stream = StreamResampler(22_050, 24_000)
    parts = [stream.push(part) for part in np.split(samples, sorted(cut for cut in cuts if cut < samples.size))]
    out = np.concatenate([*parts, stream.finish()])

    whole = resample(samples, 22_050, 24_000)
    assert out.size == whole.size
    assert np.abs(out.astype(int) - whole).max() <= 2


@pytest.mark.parametrize(("from_hz", "to_hz"), [(22_050, 24_000), (22_050, 8000), (16_000, 48_000), (24_000, 24_000)])
def test_float_audio_keeps_its_length_and_its_level(from_hz: int, to_hz: int) -> None:
    stream = FloatStreamResampler(from_hz, to_hz)
    out = np.concatenate((stream.push(tone(from_hz, from_hz).astype(np.float32)), stream.finish()))

    assert out.dtype == np.float32
    assert abs(out.size - to_hz) <= 1
    assert np.abs(out).max() == pytest.approx(1.0, abs=0.02)


def test_an_empty_stream_has_an_empty_end() -> None:
    assert FloatStreamResampler(22_050, 24_000).finish().size == 0
