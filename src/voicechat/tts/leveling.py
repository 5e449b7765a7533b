"""One gain for each voice, so that all of them are equally loud: measured once, kept beside the model."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import structlog
from pydantic import BaseModel, ValidationError

from voicechat.audio.loudness import TARGET_LUFS, Limiter, integrated_lufs
from voicechat.audio.pcm import Pcm32f
from voicechat.tts.engine import Prosody, SegmentPlan, Voice

LOUDNESS_FILE = "loudness.json"
MAX_GAIN_DB = 20.0
_STEPS = 6
METHOD = 2
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
    gain_db: float


def voice_gain_db(voice: Voice, directory: Path) -> float:
    """The gain that brings `voice`, loaded from `directory`, to the target. Blocks for a second the first time."""
    path = directory / LOUDNESS_FILE
    model_bytes = sum(file.stat().st_size for file in directory.glob("*.onnx"))
    known = _remembered(path, model_bytes)
    if known is not None:
        return known
    speech = calibration_speech(voice)
    found = limited_gain_db(speech, voice.traits.sample_rate_hz)
    if speech.size:
        _remember(path, _Measured(method=METHOD, model_bytes=model_bytes, gain_db=round(found, 2)))
    return found


def limited_gain_db(speech: Pcm32f, rate_hz: int) -> float:
    """The gain, within `MAX_GAIN_DB`, with which `speech` is at the target behind the limiter; 0 for silence.

    The limiter takes some of the gain away again, so what is missing is added until nothing is.
    """
    found = 0.0
    for _ in range(_STEPS):
        lufs = integrated_lufs(_limited(speech, rate_hz, found), rate_hz)
        if not math.isfinite(lufs):
            return 0.0
        found = max(-MAX_GAIN_DB, min(MAX_GAIN_DB, found + TARGET_LUFS - lufs))
    return found


def _limited(speech: Pcm32f, rate_hz: int, gain_db: float) -> Pcm32f:
    limiter = Limiter(rate_hz)
    pushed = limiter.push(speech * np.float32(10 ** (gain_db / 20)))
    return np.concatenate((pushed, limiter.finish()))


def calibration_speech(voice: Voice) -> Pcm32f:
    """The calibration sentences as `voice` says them."""
    parts = (part for text in _CALIBRATION for part in voice.speak(text, Prosody()))
    return np.concatenate([np.zeros(0, np.float32), *(part for part in parts if not isinstance(part, SegmentPlan))])


def _remembered(path: Path, model_bytes: int) -> float | None:
    try:
        measured = _Measured.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    fits = measured.method == METHOD and measured.model_bytes == model_bytes
    return measured.gain_db if fits else None


def _remember(path: Path, measured: _Measured) -> None:
    """Write at once or not at all; a model directory may be read-only, and then each load measures."""
    try:
        with NamedTemporaryFile("w", dir=path.parent, prefix=".loudness-", delete=False) as file:
            file.write(measured.model_dump_json())
        Path(file.name).replace(path)
    except OSError as error:
        _log.info("loudness not kept", path=str(path), reason=str(error))
