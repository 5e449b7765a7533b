"""Recordings as people have them."""

from __future__ import annotations

import io
import tracemalloc

import numpy as np
import pytest
import soundfile

from voicechat.audio.wav import AudioError, read_audio


def recording(samples: np.ndarray, rate_hz: int, subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
@pytest.mark.parametrize(("rate_hz", "channels"), [(8_000, 1), (44_100, 2), (192_000, 6)])
def test_any_rate_width_and_channel_count_is_read(subtype: str, rate_hz: int, channels: int) -> None:
    pcm, rate = read_audio(recording(np.full((rate_hz, channels), 0.5), rate_hz, subtype))
    assert (rate, pcm.size) == (rate_hz, rate_hz)
    assert pcm.dtype == np.int16
    assert abs(int(np.median(pcm)) - 16_384) < 600


def test_a_long_recording_has_no_seams() -> None:
    samples = np.arange(25 * 1000, dtype=np.int16)
    pcm, _ = read_audio(recording(samples, 1000))
    assert np.abs(pcm.astype(int) - samples).max() <= 1


def test_many_channels_are_not_held_in_memory_at_once() -> None:
    file = recording(np.zeros((8_000 * 60, 6), np.int16), 8_000)
    tracemalloc.start()
    try:
        read_audio(file)
        assert tracemalloc.get_traced_memory()[1] < 2 * len(file)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e38])
def test_numbers_that_are_no_samples_are_harmless(value: float) -> None:
    pcm, _ = read_audio(recording(np.full(100, value), 8_000, "FLOAT"))
    assert pcm.size == 100


def test_a_recording_of_nothing_is_refused() -> None:
    with pytest.raises(AudioError, match="no audio"):
        read_audio(recording(np.zeros(0), 8_000))


def test_a_recording_that_is_too_long_is_refused_with_the_limit() -> None:
    with pytest.raises(AudioError, match="at most 1 s"):
        read_audio(recording(np.zeros(16_001), 8_000), max_s=1.0)
