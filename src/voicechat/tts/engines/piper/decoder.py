"""From the latent to sound: window by window where the graph allows it, else in one piece.

A window is computed with as much on each side as its middle depends on, so that the pieces join to what the whole would
be; the edges of the segment are edges of the outer windows, whose padding is then the graph's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import numpy as np

from voicechat.audio.pcm import Pcm32f
from voicechat.tts.engines.piper.sessions import Runner, Tensor

FIRST_FRAMES = 8
"""Of the first chunk: 93 ms at 22.05 kHz, in which what follows must be made."""
_GROWTH = 2
_MOST_FRAMES = 64
_FRONT_FRAMES = (40, 192, 320)
"""New frames of the windows of the front behind the first: the more is in hand, the more is done at once."""
_FRONT_TAIL = 96
"""A remainder of the front as small as this is computed with what precedes it."""
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
        """A small part first, then growing ones; only the first is made in a hurry."""
        frames = latent.shape[-1]
        fronts = front_windows(frames)
        coarse = _Coarse(frames)
        for start, end in chunks(frames):
            while coarse.made < min(frames, end + BACK_MARGIN):
                window = next(fronts)
                coarse.add(self._run_front(latent, carried, window, hurry=start == 0 and hurry()))
                if start:
                    yield _NOTHING
            yield self._run_back(coarse, carried, (start, end), hurry=start == 0 and hurry())

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

    def add(self, window: Tensor) -> None:
        """The next frames. The first window tells how many places a frame takes."""
        if self._whole is None:
            first = next(front_windows(self.frames))[1]
            self._steps = window.shape[-1] // first
            self._whole = np.empty((*window.shape[:-1], self.frames * self._steps), window.dtype)
        begin = self.made * self._steps
        self._whole[..., begin : begin + window.shape[-1]] = window
        self.made += window.shape[-1] // self._steps

    def window(self, low: int, high: int) -> Tensor:
        """Frames [low, high), which have been made."""
        assert self._whole is not None and high <= self.made
        return self._whole[..., low * self._steps : high * self._steps]


def chunks(frames: int) -> Iterator[tuple[int, int]]:
    """The parts in which a segment is made, as frames [start, end): small first, growing, no small rest."""
    start, size = 0, FIRST_FRAMES
    while start < frames:
        end = start + size
        if frames - end < size // 2:
            end = frames
        yield start, end
        start, size = end, min(_MOST_FRAMES, size * _GROWTH)


def front_windows(frames: int) -> Iterator[tuple[int, int]]:
    """New frames of each run of the front: what the first chunk needs, then more at once."""
    _, first = next(chunks(frames))
    start, end, sizes = 0, min(frames, first + BACK_MARGIN), iter(_FRONT_FRAMES)
    while start < frames:
        yield start, end
        start, end = end, end + next(sizes, _FRONT_FRAMES[-1])
        if frames - end < _FRONT_TAIL:
            end = frames


def windowing_error(decoder: WindowedDecoder, latent: Tensor, carried: Mapping[str, Tensor]) -> float:
    """Relative RMS error of windows against the whole."""
    whole = decoder.whole(latent, carried)
    made = np.concatenate(list(decoder.parts(latent, carried, lambda: False)))
    if made.shape != whole.shape:
        return float("inf")
    return float(np.linalg.norm(made - whole) / max(float(np.linalg.norm(whole)), 1e-12))
