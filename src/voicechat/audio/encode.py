"""Encoding speech while it is made: every push gives the bytes that are decided by then."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

import av
import av.audio

from voicechat.audio.pcm import Pcm16
from voicechat.audio.wav import wav_header


class AudioFormat(StrEnum):
    """What speech can be sent as, by OpenAI's names."""

    MP3 = "mp3"
    OPUS = "opus"
    AAC = "aac"
    FLAC = "flac"
    WAV = "wav"
    PCM = "pcm"


MEDIA_TYPES = {
    AudioFormat.MP3: "audio/mpeg",
    AudioFormat.OPUS: "audio/ogg",
    AudioFormat.AAC: "audio/aac",
    AudioFormat.FLAC: "audio/flac",
    AudioFormat.WAV: "audio/wav",
    AudioFormat.PCM: "audio/pcm",
}


class Encoder(Protocol):
    """One recording on its way out. Calls compute; the compressed formats belong beside an event loop, not on it."""

    def push(self, pcm: Pcm16) -> bytes:
        """Take more samples; what comes back may be nothing yet."""

    def finish(self) -> bytes:
        """The rest of the recording, after which nothing may be pushed."""


def make_encoder(audio_format: AudioFormat, sample_rate_hz: int) -> Encoder:
    """An encoder of int16 mono samples, at one of 8, 12, 16, 24 and 48 kHz."""
    match audio_format:
        case AudioFormat.PCM:
            return _Samples(b"")
        case AudioFormat.WAV:
            return _Samples(wav_header(sample_rate_hz))
        case compressed:
            return _Compressed(_RECIPES[compressed], sample_rate_hz)


class _Samples:
    """The samples as they are, behind a header."""

    def __init__(self, header: bytes) -> None:
        self._header = header

    def push(self, pcm: Pcm16) -> bytes:
        header, self._header = self._header, b""
        return header + pcm.astype("<i2", copy=False).tobytes()

    def finish(self) -> bytes:
        return self._header


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How FFmpeg makes a format that can be played before it is complete."""

    container: str
    codec: str
    bit_rate: int | None = None
    container_options: dict[str, str] = field(default_factory=dict)
    codec_options: dict[str, str] = field(default_factory=dict)


_RECIPES = {
    # The Xing header counts frames that are not known yet; the bit reservoir would hold one more back.
    AudioFormat.MP3: _Recipe(
        "mp3", "libmp3lame", 64_000, {"write_xing": "0", "id3v2_version": "0"}, {"reservoir": "0"}
    ),
    # Ogg would gather a second of sound for each page.
    AudioFormat.OPUS: _Recipe("ogg", "libopus", 32_000, {"page_duration": "20000"}, {"application": "voip"}),
    AudioFormat.AAC: _Recipe("adts", "aac", 64_000),
    # 20 ms at 24 kHz, where FFmpeg would take 96; 3 % more bytes.
    AudioFormat.FLAC: _Recipe("flac", "flac", codec_options={"frame_size": "480"}),
}


class _Outgoing(io.RawIOBase):
    """Where FFmpeg writes, and we take from. There is no way back in a stream, so it cannot seek."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]  # any buffer
        self._waiting += piece
        return len(piece)

    def take(self) -> bytes:
        taken = bytes(self._waiting)
        self._waiting.clear()
        return taken


class _Compressed:
    """A stream that FFmpeg encodes and frames."""

    def __init__(self, recipe: _Recipe, sample_rate_hz: int) -> None:
        self._rate_hz = sample_rate_hz
        self._out = _Outgoing()
        options = {**recipe.container_options, "flush_packets": "1"}
        self._container = av.open(self._out, "w", format=recipe.container, options=options)
        stream = self._container.add_stream(recipe.codec, rate=sample_rate_hz, options=dict(recipe.codec_options))
        assert isinstance(stream, av.audio.AudioStream)
        self._stream = stream
        self._stream.layout = "mono"
        if recipe.bit_rate is not None:
            self._stream.bit_rate = recipe.bit_rate
        formats = self._stream.codec_context.codec.audio_formats or []
        # Encoders take samples as they like them, FFmpeg's own in floats.
        self._shape = av.AudioResampler(format=formats[0].name, layout="mono", rate=sample_rate_hz)
        self._samples = 0

    def push(self, pcm: Pcm16) -> bytes:
        if pcm.size:
            self._encode(self._frame(pcm))
        return self._out.take()

    def finish(self) -> bytes:
        if self._samples:
            self._encode(None)
            self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._out.take()

    def _frame(self, pcm: Pcm16) -> av.AudioFrame:
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self._rate_hz
        frame.time_base = Fraction(1, self._rate_hz)
        frame.pts = self._samples
        self._samples += pcm.size
        return frame

    def _encode(self, frame: av.AudioFrame | None) -> None:
        for shaped in self._shape.resample(frame):
            self._container.mux(self._stream.encode(shaped))
