"""WAV files whose headers say what one likes."""

from __future__ import annotations

import struct


def wav(rate_hz: int, channels: int, bits: int, data: bytes, declared: int | None = None, code: int = 1) -> bytes:
    """`data` behind a header that declares so many bytes of it, or the truth; `code` is the format's."""
    align = channels * bits // 8 % 2**16
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, code, channels, rate_hz, rate_hz * align % 2**32, align, bits)
    size = len(data) if declared is None else declared
    return b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVE" + head + struct.pack("<4sI", b"data", size) + data
