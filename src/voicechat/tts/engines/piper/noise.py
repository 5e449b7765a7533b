"""The noise of a segment, drawn from its seed and from what is said, so that any worker draws the same."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt


class SegmentNoise:
    """All the noise of one segment: first the rhythm's, then the latent's, each drawn once and whole.

    Args:
        seed: Of the reply.
        phonemes: Of the segment.
    """

    def __init__(self, seed: int, phonemes: str) -> None:
        said = int.from_bytes(hashlib.blake2b(phonemes.encode(), digest_size=8).digest(), "little")
        self._generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, said])))

    def rhythm(self, count: int) -> npt.NDArray[np.float32]:
        """Of the duration predictor, shape (1, 2, `count`) for `count` phoneme ids."""
        return self._generator.standard_normal((1, 2, count), np.float32)

    def latent(self, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        """Of the latent, shape (1, channels, frames)."""
        return self._generator.standard_normal(shape, np.float32)
