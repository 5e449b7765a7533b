from __future__ import annotations

import numpy as np
import pytest

from voicechat.audio.live import LiveResampler
from voicechat.audio.pcm import Pcm16


def sine(seconds: float, rate_hz: int, hz: float = 440.0) -> Pcm16:
    return (8000 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.int16)


def chunked(resampler: LiveResampler, pcm: Pcm16, rate_hz: int, size: int) -> list[Pcm16]:
    return [resampler.push(pcm[begin : begin + size], rate_hz) for begin in range(0, pcm.size, size)]


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 24_000, 44_100, 48_000])
def test_a_second_of_any_rate_is_a_second(rate_hz: int) -> None:
    resampler = LiveResampler(16_000)
    chunks = chunked(resampler, sine(1.0, rate_hz), rate_hz, 333)
    assert sum(chunk.size for chunk in [*chunks, resampler.finish()]) == pytest.approx(16_000, abs=33)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 48_000])
def test_every_whole_frame_comes_out_at_once_and_whole(rate_hz: int) -> None:
    chunks = chunked(LiveResampler(16_000), sine(1.0, rate_hz), rate_hz, rate_hz // 50)
    assert {chunk.size for chunk in chunks} == {320}


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 48_000])
def test_sound_keeps_its_level_and_is_two_ms_late_at_most(rate_hz: int) -> None:
    step = np.concatenate((np.zeros(rate_hz // 2, np.int16), np.full(rate_hz // 2, 8000, np.int16)))
    out = np.concatenate(chunked(LiveResampler(16_000), step, rate_hz, rate_hz // 50))
    assert 8000 <= int(np.argmax(out > 4000)) <= 8032
    assert out[12_000:].mean() == pytest.approx(8000, rel=0.01)


def test_what_is_above_the_new_band_does_not_come_back_as_something_else() -> None:
    out = np.concatenate(chunked(LiveResampler(16_000), sine(1.0, 24_000, 10_000.0), 24_000, 480))
    assert np.abs(out[320:]).max() < 80


def test_a_chunk_of_another_rate_begins_a_new_stream() -> None:
    resampler = LiveResampler(16_000)
    assert [resampler.push(sine(0.02, rate_hz), rate_hz).size for rate_hz in (24_000, 48_000, 8_000)] == [320] * 3


def test_an_empty_stream_has_an_empty_end() -> None:
    assert LiveResampler(16_000).finish().size == 0
    assert LiveResampler(16_000).push(np.zeros(0, np.int16), 24_000).size == 0
