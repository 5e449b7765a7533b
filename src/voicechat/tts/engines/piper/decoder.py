"""From the latent to sound: window by window where the graph allows it, else in one piece.

A window is computed with as much on each side as its middle depends on, so that the pieces join to what the whole would
be; the edges of the segment are edges of the outer windows, whose padding is then the graph's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain, repeat
from typing import Protocol

import numpy as np

from voicechat.audio.pcm import Pcm32f
from voicechat.tts.engines.piper.sessions import Runner, Tensor

HURRIED_FRAMES = 8
"""Of the first chunk while nothing else is to be done: 93 ms at 22.05 kHz, in which what follows must be made."""
FIRST_FRAMES = 24
"""Of the first chunk otherwise: 279 ms, in which the pieces of others, which are never interrupted, may come first."""
_GROWTH = 2
_MOST_FRAMES = 64
_CHUNKS_PER_WINDOW = (1, 1, 3)
"""Chunks for which each window of the front suffices; the last figure holds for all that follow. A large window spares
computing, as what it looks beyond its edges is shared by more, but nothing can come between while it runs: 3 chunks
take 63 ms of a core, 5 take 93."""
_WINDOW_TAIL = 96
"""A remainder of the front of so few frames is computed with what precedes it."""
BACK_MARGIN = 1
"""Frames that the back looks to each side; of HiFi-GAN's decoders it is 8 samples at 8 a frame."""
FRONT_MARGINS = (20, 24, 28, 34, 44, 64)
"""Frames that the front looks to each side, tried in turn; 43 is all that VITS can see."""
TOLERANCE = 1e-5
"""Relative RMS error of windows against the whole."""
_NOTHING = np.zeros(0, np.float32)

Hurry = Callable[[], bool]


class Decoder(Protocol):
    """Makes sound."""

    def parts(self, latent: Tensor, carried: Mapping[str, Tensor], hurry: Hurry) -> Iterator[Pcm32f]:
        """The audio of `latent`, shape (1, channels, frames), in order; an empty part is work that gave none yet."""


class WholeDecoder:
    """Runs a graph that cannot be cut: one part."""

    def __init__(self, sound: Runner, latent: str) -> None:
        self._sound = sound
        self._latent = latent

    def parts(self, latent: Tensor, carried: Mapping[str, Tensor], hurry: Hurry) -> Iterator[Pcm32f]:
        """All of it."""
        (audio,) = self._sound.run({self._latent: latent, **carried}, hurry=hurry())
        yield audio.reshape(-1)


class WindowedDecoder:
    """Runs front and back on windows.

    Args:
        front: Latent to coarse.
        back: Coarse to audio.
        latent: Input of the front.
        coarse: Between them.
        margin: Frames that the front looks to each side.
    """

    def __init__(self, front: Runner, back: Runner, latent: str, coarse: str, margin: int) -> None:
        self._front = front
        self._back = back
        self._latent = latent
        self._coarse = coarse
        self._margin = margin

    def parts(self, latent: Tensor, carried: Mapping[str, Tensor], hurry: Hurry) -> Iterator[Pcm32f]:
        """A small part first, then growing ones; only the first is made in a hurry, and then it is smaller."""
        frames = latent.shape[-1]
        hurried = hurry()
        first = HURRIED_FRAMES if hurried else FIRST_FRAMES
        fronts = front_windows(frames, first)
        coarse = _Coarse(frames)
        for start, end in chunks(frames, first):
            if coarse.made < min(frames, end + BACK_MARGIN):
                window = next(fronts)
                coarse.add(window, self._run_front(latent, carried, window, hurry=hurried and start == 0))
                if window[1] > end + BACK_MARGIN:
                    yield _NOTHING
            yield self._run_back(coarse, carried, (start, end), hurry=hurried and start == 0)

    def whole(self, latent: Tensor, carried: Mapping[str, Tensor]) -> Pcm32f:
        """All of it at once, for comparison."""
        (coarse,) = self._front.run({self._latent: latent, **carried})
        (audio,) = self._back.run({self._coarse: coarse, **carried})
        samples: Pcm32f = audio.reshape(-1)
        return samples

    def _run_front(
        self, latent: Tensor, carried: Mapping[str, Tensor], window: tuple[int, int], *, hurry: bool
    ) -> Tensor:
        start, end = window
        low, high = max(0, start - self._margin), min(latent.shape[-1], end + self._margin)
        (made,) = self._front.run({self._latent: latent[..., low:high], **carried}, hurry=hurry)
        steps = made.shape[-1] // (high - low)
        return made[..., (start - low) * steps : (end - low) * steps]

    def _run_back(
        self, coarse: _Coarse, carried: Mapping[str, Tensor], chunk: tuple[int, int], *, hurry: bool
    ) -> Pcm32f:
        start, end = chunk
        low, high = max(0, start - BACK_MARGIN), min(coarse.frames, end + BACK_MARGIN)
        (audio,) = self._back.run({self._coarse: coarse.window(low, high), **carried}, hurry=hurry)
        samples: Pcm32f = audio.reshape(-1)
        hop = samples.size // (high - low)
        return samples[(start - low) * hop : (end - low) * hop]


class _Coarse:
    """What the front has made of a segment so far."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.made = 0
        self._steps = 0
        self._whole: Tensor | None = None

    def add(self, window: tuple[int, int], made: Tensor) -> None:
        """The next frames, [start, end). The first window tells how many places a frame takes."""
        start, end = window
        if self._whole is None:
            self._steps = made.shape[-1] // (end - start)
            self._whole = np.empty((*made.shape[:-1], self.frames * self._steps), made.dtype)
        self._whole[..., start * self._steps : end * self._steps] = made
        self.made = end

    def window(self, low: int, high: int) -> Tensor:
        """Frames [low, high), which have been made."""
        assert self._whole is not None and high <= self.made
        return self._whole[..., low * self._steps : high * self._steps]


def chunks(frames: int, first: int) -> Iterator[tuple[int, int]]:
    """The parts in which a segment is made, as frames [start, end): `first` frames, then growing, no small rest."""
    start, size = 0, first
    while start < frames:
        end = start + size
        if frames - end < size // 2:
            end = frames
        yield start, end
        start, size = end, min(_MOST_FRAMES, size * _GROWTH)


def front_windows(frames: int, first: int) -> Iterator[tuple[int, int]]:
    """New frames of each run of the front, [start, end): what the next chunks need, of which `first` begins."""
    ends = [min(frames, end + BACK_MARGIN) for _, end in chunks(frames, first)]
    start, chunk, counts = 0, 0, chain(_CHUNKS_PER_WINDOW, repeat(_CHUNKS_PER_WINDOW[-1]))
    while start < frames:
        chunk += next(counts)
        end = ends[min(chunk, len(ends)) - 1]
        if start and frames - end < _WINDOW_TAIL:
            end = frames
        yield start, end
        start = end


def windowing_error(decoder: WindowedDecoder, latent: Tensor, carried: Mapping[str, Tensor]) -> float:
    """Relative RMS error of windows, in the way that has most seams, against the whole."""
    whole = decoder.whole(latent, carried)
    made = np.concatenate(list(decoder.parts(latent, carried, lambda: True)))
    if made.shape != whole.shape:
        return float("inf")
    return float(np.linalg.norm(made - whole) / max(float(np.linalg.norm(whole)), 1e-12))
