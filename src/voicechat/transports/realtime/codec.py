"""Audio as it travels in events: base64 of 24 kHz PCM, or of G.711 at 8 kHz."""

from __future__ import annotations

import base64
import binascii
from enum import Enum

from voicechat.audio import g711
from voicechat.audio.pcm import Pcm16, from_bytes
from voicechat.audio.resample import StreamResampler
from voicechat.transports.realtime.errors import ProtocolError

REPLY_RATE_HZ = 24_000
"""Rate of the audio that conversations give."""


class WireFormat(Enum):
    """The formats of the protocol: name on the wire, sample rate in Hz, law."""

    PCM = ("audio/pcm", 24_000, None)
    PCMU = ("audio/pcmu", 8_000, g711.Law.MU)
    PCMA = ("audio/pcma", 8_000, g711.Law.A)

    def __init__(self, wire_name: str, sample_rate_hz: int, law: g711.Law | None) -> None:
        self.wire_name = wire_name
        self.sample_rate_hz = sample_rate_hz
        self.law = law


FORMATS = {each.wire_name: each for each in WireFormat}


def decode(audio: str, wire: WireFormat, param: str = "audio") -> Pcm16:
    """Samples of an event, int16 mono at `wire.sample_rate_hz`. Raises `ProtocolError`."""
    try:
        data = binascii.a2b_base64(audio, strict_mode=True)
    except ValueError as error:
        raise ProtocolError("invalid_audio", f"{param} is not base64 ({error})", param) from error
    if wire.law is not None:
        return g711.decode(data, wire.law)
    try:
        return from_bytes(data)
    except ValueError as error:
        raise ProtocolError("invalid_audio", f"{param}: {error}; send little-endian int16", param) from error


class ReplyEncoder:
    """Turns the audio of one reply into the text of its deltas."""

    def __init__(self, wire: WireFormat) -> None:
        self._law = wire.law
        self._resampler = StreamResampler(REPLY_RATE_HZ, wire.sample_rate_hz)

    def push(self, pcm: Pcm16) -> str:
        """Base64 of as much as is ready; empty while the resampler fills."""
        return self._encode(self._resampler.push(pcm))

    def finish(self) -> str:
        """Base64 of the rest."""
        return self._encode(self._resampler.finish())

    def _encode(self, pcm: Pcm16) -> str:
        if pcm.size == 0:
            return ""
        data = pcm.astype("<i2", copy=False).tobytes() if self._law is None else g711.encode(pcm, self._law)
        return base64.b64encode(data).decode("ascii")
