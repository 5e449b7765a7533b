"""Decoding recordings that strangers send: any container and codec of speech, and no surprises.

FFmpeg reads playlists, images and network addresses as well, and believes what files say about themselves. Here only
containers and codecs of recordings are open to it, and what they yield is counted: samples, bytes read, time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import av
import av.audio
import av.container
import av.error
import numpy as np

from voicechat.audio.pcm import Pcm16
from voicechat.audio.wav import AudioError

CONTAINERS = (
    *("aac", "aiff", "amr", "amrnb", "amrwb", "au", "caf", "flac", "matroska", "webm", "mov", "mp4", "m4a", "3gp"),
    *("mp3", "mpeg", "ogg", "w64", "wav"),
)
"""FFmpeg's demuxers for recordings. None of them opens another file."""
CODECS = (
    *("aac", "aac_latm", "ac3", "eac3", "alac", "amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb", "flac"),
    *("gsm", "gsm_ms", "mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "opus", "libopus", "vorbis"),
    *("speex", "pcm_alaw", "pcm_mulaw", "pcm_u8", "pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"),
    *("pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be", "adpcm_ms", "adpcm_ima_wav"),
    *("adpcm_ima_qt", "g722", "g726", "g726le"),
)
KNOWN_FORMATS = "WAV, MP3, M4A or MP4, OGG or OPUS, WEBM, FLAC"
RATES_HZ = (4_000, 384_000)
READING_FACTOR = 4
"""How often a file may be read over: indexes send demuxers back and forth, loops send them on for ever."""
SPARE_BYTES = 1_048_576
_SHORT_OF_MEMORY = (MemoryError, OverflowError)
_OPTIONS = {
    "format_whitelist": ",".join(CONTAINERS),
    "codec_whitelist": ",".join(CODECS),
    "protocol_whitelist": "none",
    "probesize": "1000000",
}


@dataclass(frozen=True, slots=True)
class DecodingLimits:
    """What a recording may cost: its length when decoded, and the time that decoding takes."""

    max_s: float
    timeout_s: float = 60.0


def decode_audio(
    file: BinaryIO,
    size_bytes: int,
    sample_rate_hz: int,
    limits: DecodingLimits,
    clock: Callable[[], float] = time.monotonic,
) -> Pcm16:
    """The first audio stream of a recording as int16 mono at `sample_rate_hz`; blocks, for seconds where it is long.

    What is damaged is left out, as players do. Raises `AudioError` when there is no audio, or more than the limits
    allow, whatever the file's headers say.
    """
    tally = _Tally(limits, sample_rate_hz, clock)
    try:
        with av.open(_Metered(file, size_bytes, tally), "r", options=_OPTIONS, metadata_errors="ignore") as container:
            for frame in _frames(container, tally):
                tally.take(frame)
            tally.take(None)
    except (av.error.FFmpegError, ValueError, *_SHORT_OF_MEMORY) as error:
        if isinstance(error, AudioError):
            raise
        # The end of a damaged file, once something was heard before it.
        if not tally.samples:
            raise AudioError(f"this is not audio that can be read; give {KNOWN_FORMATS}") from error
    if not tally.samples:
        raise AudioError("the recording holds no audio")
    return np.concatenate(tally.pieces)


def _frames(container: av.container.InputContainer, tally: _Tally) -> Iterator[av.AudioFrame]:
    stream = _speech_stream(container)
    for packet in container.demux(stream):
        tally.check_time()
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


def _speech_stream(container: av.container.InputContainer) -> av.audio.AudioStream:
    if not container.streams.audio:
        raise AudioError("the file holds no audio stream")
    stream = container.streams.audio[0]
    codec: av.AudioCodecContext | None = stream.codec_context
    if codec is None:
        raise AudioError(f"the file names a codec that nobody knows; give {KNOWN_FORMATS}")
    if codec.name not in CODECS:
        raise AudioError(f"audio of the codec {codec.name} is not read here; give {KNOWN_FORMATS}")
    codec.thread_count = 1
    return stream


class _Tally:
    """What a recording has cost so far, and what it gave."""

    def __init__(self, limits: DecodingLimits, rate_hz: int, clock: Callable[[], float]) -> None:
        self.pieces: list[Pcm16] = []
        self.samples = 0
        self._limits = limits
        self._rate_hz = rate_hz
        self._clock = clock
        self._end_s = clock() + limits.timeout_s
        self._setup: tuple[str, str, int] | None = None
        self._shape: av.AudioResampler | None = None

    def check_time(self) -> None:
        """Raise `AudioError` when decoding takes too long."""
        if self._clock() > self._end_s:
            message = f"the recording could not be decoded within {self._limits.timeout_s:g} s; send a plainer format"
            raise AudioError(message)

    def take(self, frame: av.AudioFrame | None) -> None:
        """Keep a frame, or at the end what is held back. Raises `AudioError` when it is too much."""
        if frame is not None:
            self._follow(frame)
        for shaped in self._shape.resample(frame) if self._shape is not None else ():
            self._keep(shaped.to_ndarray().reshape(-1).astype(np.int16, copy=False))

    def _follow(self, frame: av.AudioFrame) -> None:
        """Shape frames as they are now: a stream may change its rate and channels on the way."""
        low, high = RATES_HZ
        if not low <= frame.sample_rate <= high:
            raise AudioError(f"the recording's sample rate is {frame.sample_rate} Hz; {low} to {high} Hz are read")
        self._bound(frame.samples * self._rate_hz // frame.sample_rate)
        setup = (frame.format.name, frame.layout.name, frame.sample_rate)
        if setup != self._setup:
            if self._shape is not None:
                self.take(None)
            self._setup = setup
            self._shape = av.AudioResampler(format="s16", layout="mono", rate=self._rate_hz)
        # Times that lie would make the resampler fill gaps.
        frame.pts = None

    def _keep(self, pcm: Pcm16) -> None:
        self._bound(pcm.size)
        self.samples += pcm.size
        self.pieces.append(pcm)

    def _bound(self, more: int) -> None:
        if self.samples + more > self._limits.max_s * self._rate_hz:
            raise AudioError(f"the recording lasts more than {self._limits.max_s:g} s; send it in parts")


class _Metered:
    """A file that is read a bounded number of bytes, for a bounded time."""

    def __init__(self, file: BinaryIO, size_bytes: int, tally: _Tally) -> None:
        self._file = file
        self._left = size_bytes * READING_FACTOR + SPARE_BYTES
        self._tally = tally
        self.seek = file.seek
        self.tell = file.tell

    def read(self, count: int) -> bytes:
        """More of the file. Raises `AudioError` when it was read over and over."""
        self._tally.check_time()
        data = self._file.read(count)
        # Reads at the end count as well: there is no other bound on them.
        self._left -= max(1, len(data))
        if self._left < 0:
            raise AudioError(f"the file's index leads in circles; give {KNOWN_FORMATS}")
        return data
