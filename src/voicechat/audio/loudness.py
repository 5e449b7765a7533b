"""How loud speech is (ITU-R BS.1770-4), and a true-peak limiter for streams."""

from __future__ import annotations

import cmath
import math

import numpy as np
import numpy.typing as npt

from voicechat.audio.pcm import Pcm32f

TARGET_LUFS = -16.0
CEILING_DBTP = -1.0

_BLOCK_S = 0.4
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_FILTER_SETTLES_S = 1.0
_Biquad = tuple[tuple[float, float, float], tuple[float, float, float]]


def _high_shelf(rate_hz: int) -> _Biquad:
    """The head's effect, stage 1 of K-weighting: gain, corner and Q fitted to the standard's 48 kHz coefficients."""
    gain_db, corner_hz, q = 3.99984385397, 1681.9744509555319, 0.7071752369554193
    k = math.tan(math.pi * corner_hz / rate_hz)
    vh = 10 ** (gain_db / 20)
    vb = vh**0.499666774155
    a0 = 1 + k / q + k * k
    b = ((vh + vb * k / q + k * k) / a0, 2 * (k * k - vh) / a0, (vh - vb * k / q + k * k) / a0)
    return b, (1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0)


def _high_pass(rate_hz: int) -> _Biquad:
    """The RLB curve, stage 2 of K-weighting."""
    corner_hz, q = 38.13547087602444, 0.5003270373238773
    k = math.tan(math.pi * corner_hz / rate_hz)
    a0 = 1 + k / q + k * k
    return (1.0, -2.0, 1.0), (1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0)


def _k_weighted(samples: Pcm32f, rate_hz: int) -> npt.NDArray[np.float64]:
    """Both stages, applied as a frequency response: whole recordings only, so no recursion over samples is needed."""
    size = samples.size + round(_FILTER_SETTLES_S * rate_hz)
    spectrum = np.fft.rfft(samples.astype(np.float64), size)
    z1 = np.exp(-2j * cmath.pi * np.arange(spectrum.size) / size)
    for b, a in (_high_shelf(rate_hz), _high_pass(rate_hz)):
        spectrum *= np.polyval(b[::-1], z1) / np.polyval(a[::-1], z1)
    weighted: npt.NDArray[np.float64] = np.fft.irfft(spectrum, size)[: samples.size]
    return weighted


def integrated_lufs(samples: Pcm32f, rate_hz: int) -> float:
    """Gated loudness of a mono recording, LUFS; minus infinity when it is silent or shorter than 0.4 s."""
    block, step = round(_BLOCK_S * rate_hz), round(_BLOCK_S * rate_hz / 4)
    if samples.size < block:
        return -math.inf
    energy = np.concatenate(([0.0], np.cumsum(np.square(_k_weighted(samples, rate_hz)))))
    starts = np.arange(0, samples.size - block + 1, step)
    power = np.maximum((energy[starts + block] - energy[starts]) / block, 1e-20)
    loudness = -0.691 + 10 * np.log10(power)
    power = power[loudness > _ABSOLUTE_GATE_LUFS]
    if power.size == 0:
        return -math.inf
    gate = -0.691 + 10 * math.log10(float(power.mean())) + _RELATIVE_GATE_LU
    kept = power[-0.691 + 10 * np.log10(power) > gate]
    return -0.691 + 10 * math.log10(float(kept.mean()))


_OVERSAMPLING = 4
_TAPS = 16


def _interpolators() -> npt.NDArray[np.float32]:
    """Windowed-sinc fractional delays of 1/4, 2/4 and 3/4 of a sample, shape (3, `_TAPS`)."""
    at = np.arange(_TAPS) - (_TAPS // 2 - 1)
    rows = []
    for phase in range(1, _OVERSAMPLING):
        x = at - phase / _OVERSAMPLING
        row = np.sinc(x) * np.cos(np.pi * x / (_TAPS + 1)) ** 2
        rows.append(row / row.sum())
    return np.array(rows, np.float32)


_INTERPOLATORS = _interpolators()


def true_peaks(samples: Pcm32f) -> Pcm32f:
    """The magnitude around each sample at four times the rate (BS.1770 annex 2), same length as `samples`."""
    before, after = _TAPS // 2 - 1, _TAPS // 2
    padded = np.pad(samples, (before, after))
    peaks: Pcm32f = np.abs(samples)
    for taps in _INTERPOLATORS:
        between = np.abs(np.correlate(padded, taps, "valid"))
        # The point between samples n and n + 1 belongs to both.
        np.maximum(peaks, between, out=peaks)
        np.maximum(peaks[1:], between[:-1], out=peaks[1:])
    return peaks


def _sliding_min(values: Pcm32f, width: int) -> Pcm32f:
    """Minimum over `values[n : n + width]`, by doubling; `width - 1` values shorter."""
    done = 1
    while done < width:
        shift = min(done, width - done)
        values = np.minimum(values[:-shift], values[shift:])
        done += shift
    return values


class Limiter:
    """Holds a stream's true peak at the ceiling by looking ahead, without any other change to its level.

    The gain falls over the 2 ms before a peak, holds 20 ms and rises over 2 ms. Output has the length and the place of
    the input: `push` returns what is decided, `finish` the rest.
    """

    def __init__(self, rate_hz: int, ceiling_dbtp: float = CEILING_DBTP) -> None:
        self._ceiling = np.float32(10 ** (ceiling_dbtp / 20))
        self._ahead = max(1, round(0.002 * rate_hz))
        self._hold = round(0.020 * rate_hz)
        self._context = self._hold + 2 * self._ahead + _TAPS
        self._future = self._ahead + _TAPS
        self._held = np.zeros(self._context, np.float32)

    def push(self, samples: Pcm32f) -> Pcm32f:
        """Take more; what comes back lags by the look-ahead."""
        self._held = np.concatenate((self._held, samples))
        return self._emit(self._held.size - self._context - self._future)

    def finish(self) -> Pcm32f:
        """The rest of the stream, after which nothing may be pushed."""
        left = self._held.size - self._context
        self._held = np.concatenate((self._held, np.zeros(self._future, np.float32)))
        return self._emit(left)

    def _emit(self, count: int) -> Pcm32f:
        if count <= 0:
            return np.zeros(0, np.float32)
        window = self._held[: self._context + count + self._future]
        self._held = self._held[count:]
        body = window[self._context : self._context + count]
        peaks = true_peaks(window)
        if float(peaks.max()) <= self._ceiling:
            return body
        return body * self._gain(peaks, count)

    def _gain(self, peaks: Pcm32f, count: int) -> Pcm32f:
        needed = np.minimum(np.float32(1.0), self._ceiling / np.maximum(peaks, np.float32(1e-9)))
        # The mean of the last `ahead` minima, each of which sees `ahead` samples into the future.
        lowest = _sliding_min(needed, self._hold + 2 * self._ahead)
        smooth = np.convolve(lowest, np.full(self._ahead, 1 / self._ahead, np.float32), "valid")
        start = self._context - self._hold - 2 * self._ahead + 2
        gain: Pcm32f = np.minimum(smooth[start : start + count], np.float32(1.0)).astype(np.float32)
        return gain
