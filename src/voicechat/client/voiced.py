"""Where a recording holds a voice, by its energy alone: enough for recordings, which know no noise but their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voicechat.audio.pcm import Pcm16, to_float

FRAME_MS = 20
FLOOR_DBFS = -50.0
"""Nothing quieter counts as a voice."""
BELOW_LOUD_DB = 30.0
"""Nothing this much quieter than the loud parts of the recording counts as a voice."""
MARGIN_MS = 200
"""Kept before and after an utterance: soft consonants begin and end below any threshold."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a recording, ms."""

    start_ms: float
    end_ms: float


def voiced_stretches(pcm: Pcm16, rate_hz: int, pause_s: float) -> list[Stretch]:
    """The utterances of a recording: voiced frames, joined across pauses shorter than `pause_s`."""
    stretches: list[Stretch] = []
    for index in np.flatnonzero(_voiced_frames(pcm, rate_hz)):
        start_ms, end_ms = float(index * FRAME_MS), float((index + 1) * FRAME_MS)
        if stretches and start_ms - stretches[-1].end_ms < pause_s * 1000:
            stretches[-1] = Stretch(stretches[-1].start_ms, end_ms)
        else:
            stretches.append(Stretch(start_ms, end_ms))
    return stretches


def split_turns(pcm: Pcm16, rate_hz: int, pause_s: float = 1.0) -> list[Pcm16]:
    """The utterances of a recording that pauses of at least `pause_s` separate; empty when it is silent."""
    return [_cut(pcm, rate_hz, stretch) for stretch in voiced_stretches(pcm, rate_hz, pause_s)]


def last_voiced_ms(stretches: Sequence[Stretch], before_ms: float) -> float | None:
    """When a voice was last heard at or before `before_ms`; None: never."""
    ends = [min(stretch.end_ms, before_ms) for stretch in stretches if stretch.start_ms < before_ms]
    return max(ends, default=None)


def _voiced_frames(pcm: Pcm16, rate_hz: int) -> npt.NDArray[np.bool_]:
    size = max(1, rate_hz * FRAME_MS // 1000)
    padded = np.pad(to_float(pcm), (0, -pcm.size % size))
    power = np.mean(np.square(padded.reshape(-1, size)), axis=1)
    level_db = 10 * np.log10(np.maximum(power, 1e-12))
    threshold = max(FLOOR_DBFS, float(np.percentile(level_db, 95)) - BELOW_LOUD_DB) if level_db.size else FLOOR_DBFS
    voiced: npt.NDArray[np.bool_] = level_db > threshold
    return voiced


def _cut(pcm: Pcm16, rate_hz: int, stretch: Stretch) -> Pcm16:
    start = max(0.0, stretch.start_ms - MARGIN_MS)
    return pcm[int(start * rate_hz / 1000) : int((stretch.end_ms + MARGIN_MS) * rate_hz / 1000)]
