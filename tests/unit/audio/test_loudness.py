from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechat.audio.loudness import Limiter, integrated_lufs, true_peaks
from voicechat.audio.pcm import Pcm32f

RATE_HZ = 24_000


def noise(seconds: float, level: float = 0.1, seed: int = 1, rate_hz: int = RATE_HZ) -> Pcm32f:
    samples = np.random.default_rng(seed).standard_normal(round(seconds * rate_hz)) * level
    return samples.astype(np.float32)


def tone(frequency_hz: float, level: float, seconds: float = 1.0) -> Pcm32f:
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (level * np.sin(2 * np.pi * frequency_hz * at)).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 24_000, 48_000])
def test_loudness_agrees_with_the_reference_meter(rate_hz: int) -> None:
    loud, quiet = noise(2, 0.2, rate_hz=rate_hz), noise(2, 0.0005, rate_hz=rate_hz)
    # The reference rounds the corners and gains of its filters; below 48 kHz that is worth a tenth of a dB.
    samples = np.concatenate((loud, quiet, loud * np.float32(0.5)))

    assert integrated_lufs(samples, rate_hz) == pytest.approx(
        pyloudnorm.Meter(rate_hz).integrated_loudness(samples.astype(np.float64)), abs=0.2
    )


def test_a_full_scale_tone_of_997_hz_is_minus_3_lufs() -> None:
    assert integrated_lufs(tone(997, 1.0, 3.0), RATE_HZ) == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize("samples", [np.zeros(RATE_HZ, np.float32), noise(0.2)])
def test_silence_and_shorter_than_a_block_have_no_loudness(samples: Pcm32f) -> None:
    assert integrated_lufs(samples, RATE_HZ) == -np.inf


def test_true_peak_sees_what_stands_between_samples() -> None:
    # A quarter of the rate, sampled 45 degrees off its crests: samples reach 0.707 of the peak.
    at = np.arange(2000)
    samples = np.sin(np.pi / 2 * at + np.pi / 4).astype(np.float32)

    assert np.abs(samples).max() == pytest.approx(0.7071, abs=0.001)
    assert true_peaks(samples)[100:-100].max() == pytest.approx(1.0, abs=0.02)


def limited(samples: Pcm32f, chunk: int) -> Pcm32f:
    limiter = Limiter(RATE_HZ)
    parts = [limiter.push(samples[at : at + chunk]) for at in range(0, samples.size, chunk)]
    return np.concatenate([*parts, limiter.finish()])


@settings(max_examples=25, deadline=None)
@given(chunk=st.integers(50, 3000), seed=st.integers(0, 20), level=st.floats(0.05, 2.0))
def test_the_limiter_holds_the_ceiling_and_the_place_of_every_sample(chunk: int, seed: int, level: float) -> None:
    samples = noise(0.25, level, seed)
    out = limited(samples, chunk)

    assert out.size == samples.size
    assert true_peaks(out).max() <= 10 ** (-0.9 / 20)
    assert np.all(np.abs(out) <= np.abs(samples) + 1e-6)


@settings(max_examples=25, deadline=None)
@given(chunk=st.integers(50, 3000))
def test_the_limiter_gives_the_same_for_any_chunks(chunk: int) -> None:
    samples = noise(0.3, 0.6)

    np.testing.assert_allclose(limited(samples, chunk), limited(samples, samples.size), atol=1e-6)


def test_what_is_quiet_enough_passes_unchanged() -> None:
    samples = noise(0.5, 0.1)

    assert np.array_equal(limited(samples, 480), samples)


def test_the_gain_ramps_before_a_peak_instead_of_stepping() -> None:
    samples = tone(200, 0.5)
    samples[12_000] = 3.0
    out = limited(samples, 480)

    gain = out[samples != 0] / samples[samples != 0]
    assert np.abs(np.diff(gain)).max() < 0.05
    assert gain.min() < 0.35


def test_nothing_in_is_nothing_out() -> None:
    assert limited(np.zeros(0, np.float32), 10).size == 0
