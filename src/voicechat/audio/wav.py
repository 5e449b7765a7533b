"""Recordings in and out: any file that libsndfile reads, and WAV to write."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from voicechat.audio.pcm import Pcm16, to_int16

PIECE_S = 10
UNKNOWN_LENGTH = 0xFFFFFFFF
"""RIFF size of a file that is still being written."""


class AudioError(ValueError):
    """A recording cannot be used; the text says why and what would work."""


def read_audio(source: Path | bytes, *, max_s: float = 7200.0) -> tuple[Pcm16, int]:
    """Read a recording of any rate, width and channel count as int16 mono and its rate in Hz.

    Raises `AudioError` when it is not audio, empty, or longer than `max_s`.
    """
    name = str(source) if isinstance(source, Path) else "the upload"
    try:
        with soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else source) as file:
            rate = int(file.samplerate)
            if file.frames > max_s * rate:
                raise AudioError(f"{name} lasts {file.frames / rate:.0f} s; at most {max_s:.0f} s are taken")
            # Piece by piece: an hour of six channels at 192 kHz does not fit in memory as it is.
            pieces = [_mono(piece) for piece in file.blocks(PIECE_S * rate, dtype="float32", always_2d=True)]
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{name} is not audio that can be read ({error}); give WAV, FLAC, OGG or MP3") from error
    if not any(piece.size for piece in pieces):
        raise AudioError(f"{name} holds no audio")
    return np.concatenate(pieces), rate


def _mono(samples: npt.NDArray[np.float32]) -> Pcm16:
    """One channel of (frames, channels). Float files may hold anything, infinities included."""
    return to_int16(np.clip(np.nan_to_num(samples), -1.0, 1.0).mean(axis=1, dtype=np.float32))


def wav_header(sample_rate_hz: int, samples: int | None = None) -> bytes:
    """The 44 bytes before int16 mono samples; without `samples`, for a stream of unknown length."""
    size = UNKNOWN_LENGTH - 36 if samples is None else samples * 2
    return (
        struct.pack("<4sI4s", b"RIFF", size + 36, b"WAVE")
        + struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, sample_rate_hz, sample_rate_hz * 2, 2, 16)
        + struct.pack("<4sI", b"data", size)
    )


def write_wav(path: Path, pcm: Pcm16, sample_rate_hz: int) -> None:
    """Write int16 mono samples."""
    soundfile.write(path, pcm, sample_rate_hz, format="WAV", subtype="PCM_16")
