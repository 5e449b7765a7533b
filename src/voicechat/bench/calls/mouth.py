"""A caller's microphone: what is said, silence between, and noise over all of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import numpy as np

from voicechat.audio.pcm import Pcm16, Pcm32f, to_float, to_int16
from voicechat.bench.calls.utterances import LEVEL_DBFS, Utterance
from voicechat.client.microphone import FRAME_SAMPLES
from voicechat.client.playout import RATE_HZ

FRAME_MS = 20.0
_NOISE_S = 20


def pink_noise(level_dbfs: float, seed: int) -> Pcm32f:
    """Noise of `_NOISE_S` that repeats without a seam, its power falling by 3 dB an octave, RMS `level_dbfs`."""
    size = _NOISE_S * RATE_HZ
    rng = np.random.default_rng(seed)
    bins = size // 2 + 1
    spectrum = rng.normal(size=bins) + 1j * rng.normal(size=bins)
    spectrum /= np.sqrt(np.maximum(np.arange(bins), 20 * _NOISE_S))
    noise = np.fft.irfft(spectrum, size)
    scaled: Pcm32f = (noise * 10 ** (level_dbfs / 20) / np.sqrt(np.mean(np.square(noise)))).astype(np.float32)
    return scaled


class Mouth:
    """Frames of 20 ms on absolute deadlines, each as soon as its last sample could have been heard.

    Args:
        began_s: Start of the call on the event loop's clock.
        noise_db: Level of the speech over the noise; None: digital silence lies under the speech.
        seed: Of the noise.
    """

    def __init__(self, began_s: float, noise_db: float | None, seed: int) -> None:
        self._began_s = began_s
        self._noise = None if noise_db is None else pink_noise(LEVEL_DBFS - noise_db, seed)
        self._script: Pcm16 = np.zeros(0, np.int16)
        self._frames = 0
        self._silent = asyncio.Event()
        self._silent.set()
        self.late_ms: list[float] = []
        self._leak: Callable[[float], Pcm16] | None = None

    @property
    def now_ms(self) -> float:
        """The call's clock."""
        return (asyncio.get_running_loop().time() - self._began_s) * 1000

    def say(self, utterance: Utterance) -> tuple[float, float]:
        """Begin to say it with the next frame; when its speech begins and ends, ms of the call."""
        if self._script.size:
            raise RuntimeError("one utterance at a time")
        self._script = np.pad(utterance.pcm, (0, -utterance.pcm.size % FRAME_SAMPLES))
        self._silent.clear()
        starts_ms = self._frames * FRAME_MS
        return starts_ms + utterance.onset_ms, starts_ms + utterance.end_ms

    def leak(self, sound: Callable[[float], Pcm16]) -> None:
        """From now on the microphone hears `sound(ms of the call)` too, 20 ms each time."""
        self._leak = sound

    async def said(self) -> None:
        """Wait until everything has been said."""
        await self._silent.wait()

    async def frames(self) -> AsyncIterator[Pcm16]:
        """Int16 mono at `RATE_HZ`, for ever. What a stall delayed follows at once, as from a device."""
        while True:
            due_ms = (self._frames + 1) * FRAME_MS
            await asyncio.sleep(max(0.0, (due_ms - self.now_ms) / 1000))
            self.late_ms.append(self.now_ms - due_ms)
            frame = self._with_noise(self._next())
            if self._leak is not None:
                frame = to_int16(to_float(frame) + to_float(self._leak(self._frames * FRAME_MS)))
            self._frames += 1
            yield frame

    def _next(self) -> Pcm16:
        if not self._script.size:
            return np.zeros(FRAME_SAMPLES, np.int16)
        frame, self._script = self._script[:FRAME_SAMPLES], self._script[FRAME_SAMPLES:]
        if not self._script.size:
            self._silent.set()
        return frame

    def _with_noise(self, frame: Pcm16) -> Pcm16:
        if self._noise is None:
            return frame
        start = self._frames * FRAME_SAMPLES % self._noise.size
        return to_int16(to_float(frame) + self._noise[start : start + FRAME_SAMPLES])
