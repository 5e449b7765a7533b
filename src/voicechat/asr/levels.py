"""Where the voice is in a stretch of audio, by level alone: what to leave out, and where to cut."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voicechat.asr.port import EARS_RATE_HZ
from voicechat.audio.pcm import SILENCE_DBFS, Pcm16

FRAME_SAMPLES = EARS_RATE_HZ // 50
"""20 ms."""
SILENT_DBFS = -60.0
"""No voice worth recognising is below this."""


def frame_levels_dbfs(pcm: Pcm16) -> npt.NDArray[np.float64]:
    """RMS level of each 20 ms frame; an incomplete last frame counts as one."""
    if pcm.size == 0:
        return np.zeros(0)
    frames = np.pad(pcm, (0, -pcm.size % FRAME_SAMPLES)).reshape(-1, FRAME_SAMPLES)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1) / 32768.0**2
    levels: npt.NDArray[np.float64] = 10 * np.log10(np.maximum(power, 10 ** (SILENCE_DBFS / 10)))
    return levels


def voiced_span(pcm: Pcm16, margin_s: float = 0.3) -> tuple[int, int]:
    """First and last sample (exclusive) that are not silence, with a margin; (0, 0) when all is silence."""
    loud = np.nonzero(frame_levels_dbfs(pcm) > SILENT_DBFS)[0]
    if loud.size == 0:
        return 0, 0
    margin = int(margin_s * EARS_RATE_HZ)
    start, end = int(loud[0]) * FRAME_SAMPLES, (int(loud[-1]) + 1) * FRAME_SAMPLES
    return max(0, start - margin), min(pcm.size, end + margin)


def quietest_cut(pcm: Pcm16, earliest: int) -> int:
    """The sample from `earliest` on where a cut hurts least: the middle of the quietest 200 ms."""
    width = 10
    levels = frame_levels_dbfs(pcm[earliest:])
    if levels.size <= width:
        return int(pcm.size)
    quiet = np.convolve(levels, np.ones(width) / width, "valid")
    return earliest + (int(np.argmin(quiet)) + width // 2) * FRAME_SAMPLES


def split_at_pauses(pcm: Pcm16, longest_s: float, search_s: float = 8.0) -> list[Pcm16]:
    """Cut a recording into pieces of at most `longest_s`, each at the quietest place of its last `search_s`."""
    longest = int(longest_s * EARS_RATE_HZ)
    earliest = max(longest // 2, longest - int(search_s * EARS_RATE_HZ))
    pieces = []
    while pcm.size > longest:
        cut = quietest_cut(pcm[:longest], earliest)
        pieces.append(pcm[:cut])
        pcm = pcm[cut:]
    return [*pieces, pcm]
