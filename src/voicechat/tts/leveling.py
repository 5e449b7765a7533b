"""One gain for each voice, so that all of them are equally loud: measured once, kept beside the model."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import structlog
from pydantic import BaseModel, ValidationError

from voicechat.audio.loudness import TARGET_LUFS, integrated_lufs
from voicechat.tts.engine import Prosody, SegmentPlan, Voice

LOUDNESS_FILE = "loudness.json"
MAX_GAIN_DB = 20.0
METHOD = 1
"""Of measurement; a file made by another is measured anew."""

_CALIBRATION = (
    "The birch canoe slid on the smooth planks, and the juice of lemons makes fine punch.",
    "Four hours of steady work faced us; help the woman get back to her feet.",
)
"""Harvard sentences (IEEE Std 297-1969): phonetically balanced."""

_log = structlog.get_logger()


class _Measured(BaseModel):
    method: int
    model_bytes: int
    lufs: float


def voice_gain_db(voice: Voice, directory: Path) -> float:
    """The gain that brings `voice`, loaded from `directory`, to the target. Blocks for a second the first time."""
    path = directory / LOUDNESS_FILE
    model_bytes = sum(file.stat().st_size for file in directory.glob("*.onnx"))
    lufs = _remembered(path, model_bytes)
    if lufs is None:
        lufs = measure_lufs(voice)
        if math.isfinite(lufs):
            _remember(path, _Measured(method=METHOD, model_bytes=model_bytes, lufs=round(lufs, 2)))
    return gain_db(lufs)


def gain_db(lufs: float) -> float:
    """What brings `lufs` to the target, within `MAX_GAIN_DB`; 0 for silence."""
    if not math.isfinite(lufs):
        return 0.0
    return max(-MAX_GAIN_DB, min(MAX_GAIN_DB, TARGET_LUFS - lufs))


def measure_lufs(voice: Voice) -> float:
    """Loudness of the calibration sentences."""
    parts = (part for text in _CALIBRATION for part in voice.speak(text, Prosody()))
    audio = [part for part in parts if not isinstance(part, SegmentPlan)]
    if not audio:
        return -math.inf
    return integrated_lufs(np.concatenate(audio), voice.traits.sample_rate_hz)


def _remembered(path: Path, model_bytes: int) -> float | None:
    try:
        measured = _Measured.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    fits = measured.method == METHOD and measured.model_bytes == model_bytes
    return measured.lufs if fits else None


def _remember(path: Path, measured: _Measured) -> None:
    """Write at once or not at all; a model directory may be read-only, and then each load measures."""
    try:
        with NamedTemporaryFile("w", dir=path.parent, prefix=".loudness-", delete=False) as file:
            file.write(measured.model_dump_json())
        Path(file.name).replace(path)
    except OSError as error:
        _log.info("loudness not kept", path=str(path), reason=str(error))
