from __future__ import annotations

import io
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.riff import wav

from voicechat.audio.decode import DecodingLimits, decode_audio
from voicechat.audio.encode import AudioFormat, make_encoder
from voicechat.audio.pcm import Pcm16, ms_to_samples
from voicechat.audio.wav import AudioError, wav_header

RATE_HZ = 24_000
EARS_HZ = 16_000
LIMITS = DecodingLimits(max_s=10.0)
COMPRESSED = [AudioFormat.MP3, AudioFormat.OPUS, AudioFormat.AAC, AudioFormat.FLAC]


def tone(seconds: float, frequency_hz: float = 440.0) -> Pcm16:
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (3000 * np.sin(2 * np.pi * frequency_hz * at)).astype(np.int16)


def pieces(audio_format: AudioFormat, pcm: Pcm16, step: int = 480) -> Iterator[bytes]:
    encoder = make_encoder(audio_format, RATE_HZ)
    for start in range(0, pcm.size, step):
        yield encoder.push(pcm[start : start + step])
    yield encoder.finish()


def encoded(audio_format: AudioFormat, pcm: Pcm16) -> bytes:
    return b"".join(pieces(audio_format, pcm))


def decode(data: bytes, limits: DecodingLimits = LIMITS) -> Pcm16:
    return decode_audio(io.BytesIO(data), len(data), EARS_HZ, limits)


def refusal(data: bytes, limits: DecodingLimits = LIMITS) -> str:
    with pytest.raises(AudioError) as caught:
        decode(data, limits)
    return str(caught.value)


def container(name: str, codec: str, pcm: Pcm16) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=name) as file:
        stream = file.add_stream(codec, rate=48_000)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "stereo"
        wanted = (stream.codec_context.codec.audio_formats or [])[0].name
        shape = av.AudioResampler(format=wanted, layout="stereo", rate=48_000, frame_size=960)
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        for shaped in (*shape.resample(frame), *shape.resample(None)):
            file.mux(stream.encode(shaped))
        file.mux(stream.encode(None))
    return out.getvalue()


def silent_video() -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="webm") as file:
        stream = file.add_stream("libvpx", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(5):
            file.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        file.mux(stream.encode(None))
    return out.getvalue()


def pitch_hz(pcm: Pcm16) -> float:
    spectrum = np.abs(np.fft.rfft(pcm))
    return float(np.argmax(spectrum)) * EARS_HZ / pcm.size


@pytest.mark.parametrize(
    ("audio_format", "within_ms"),
    [(AudioFormat.OPUS, 40), (AudioFormat.FLAC, 20), (AudioFormat.MP3, 60), (AudioFormat.AAC, 100)],
)
def test_a_compressed_stream_begins_with_the_first_words(audio_format: AudioFormat, within_ms: int) -> None:
    needed = next(index for index, piece in enumerate(pieces(audio_format, tone(1.0)), start=1) if piece)
    assert 20 * needed <= within_ms


@pytest.mark.parametrize("audio_format", [*COMPRESSED, AudioFormat.WAV])
def test_what_is_encoded_can_be_heard_again(audio_format: AudioFormat) -> None:
    heard = decode(encoded(audio_format, tone(2.0)))
    assert heard.size == pytest.approx(2 * EARS_HZ, rel=0.05)
    assert pitch_hz(heard) == pytest.approx(440, abs=3)
    assert np.sqrt(np.mean(np.square(heard, dtype=np.float64))) == pytest.approx(3000 / np.sqrt(2), rel=0.1)


@pytest.mark.parametrize("audio_format", list(AudioFormat))
def test_bytes_leave_while_the_speech_is_made(audio_format: AudioFormat) -> None:
    made = list(pieces(audio_format, tone(3.0)))
    within = ms_to_samples(200, RATE_HZ) // 480
    assert any(made[:within])
    silent_runs = [index for index, piece in enumerate(made) if piece]
    assert max(later - earlier for earlier, later in pairwise(silent_runs)) <= within


def test_pcm_is_the_samples_and_wav_the_same_behind_a_header() -> None:
    pcm = tone(0.1)
    assert encoded(AudioFormat.PCM, pcm) == pcm.astype("<i2").tobytes()
    assert encoded(AudioFormat.WAV, pcm) == wav_header(RATE_HZ) + pcm.astype("<i2").tobytes()


@pytest.mark.parametrize("audio_format", list(AudioFormat))
def test_nothing_spoken_is_a_file_or_nothing(audio_format: AudioFormat) -> None:
    assert len(encoded(audio_format, tone(0.0))) <= 44


@pytest.mark.parametrize(
    ("name", "codec"),
    [("mp4", "aac"), ("matroska", "libopus"), ("webm", "libopus"), ("ogg", "libopus"), ("mp3", "libmp3lame")]
    + [("flac", "flac"), ("adts", "aac"), ("aiff", "pcm_s16be"), ("wav", "pcm_s24le"), ("mov", "alac")],
)
def test_recordings_of_every_container_are_read(name: str, codec: str) -> None:
    heard = decode(container(name, codec, tone(1.0)))
    assert pitch_hz(heard[EARS_HZ // 4 : EARS_HZ * 3 // 4]) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("code", [6, 7])
def test_telephone_recordings_are_read(code: int) -> None:
    assert decode(wav(8000, 1, 8, bytes(8000), code=code)).size == EARS_HZ


def test_a_wav_that_was_streamed_is_read_to_its_end() -> None:
    assert decode(wav(EARS_HZ, 1, 16, bytes(EARS_HZ), declared=0xFFFFFFFF)).size == EARS_HZ // 2


def test_a_recording_that_breaks_off_is_read_as_far_as_it_goes() -> None:
    whole = encoded(AudioFormat.MP3, tone(4.0))
    assert decode(whole[: len(whole) // 2]).size == pytest.approx(2 * EARS_HZ, rel=0.1)


@pytest.mark.parametrize(
    "data",
    [b"", b"RIFF", bytes(2000), random.Random(0).randbytes(50_000), b"ID3\x04\0\0\x7f\x7f\x7f\x7f", b"OggS" * 100]
    + [container("mp4", "aac", tone(1.0))[:500], wav(0, 1, 16, bytes(100)), wav(8000, 0, 16, bytes(100))],
)
def test_what_is_no_recording_is_refused_with_what_would_be_one(data: bytes) -> None:
    message = refusal(data)
    assert "WAV" in message or "holds no audio" in message


def test_a_recording_of_nothing_is_refused() -> None:
    assert "holds no audio" in refusal(wav(EARS_HZ, 1, 16, b""))


@pytest.mark.parametrize("bits", [0, 1, 64, 65_535])
def test_a_codec_that_nobody_knows_is_refused(bits: int) -> None:
    assert "codec" in refusal(wav(8000, 1, bits, bytes(100), code=65_534))


def test_a_video_without_sound_is_refused() -> None:
    assert "no audio stream" in refusal(silent_video())


def test_a_long_recording_is_refused_with_the_limit() -> None:
    assert "more than 10 s" in refusal(wav(EARS_HZ, 1, 16, bytes(EARS_HZ * 2 * 11)))


def test_a_bomb_is_refused_after_what_may_be_heard_of_it() -> None:
    bomb = encoded(AudioFormat.FLAC, np.zeros(RATE_HZ * 600, np.int16))
    assert len(bomb) < RATE_HZ * 600 * 2 / 50
    assert "more than 10 s" in refusal(bomb)


@pytest.mark.parametrize("rate_hz", [1, 100, 3_999])
def test_a_rate_that_would_blow_up_a_small_file_is_refused(rate_hz: int) -> None:
    assert "sample rate" in refusal(wav(rate_hz, 1, 8, bytes(100_000)))


def test_decoding_ends_when_its_time_is_over() -> None:
    now = iter(range(1000))
    data = encoded(AudioFormat.MP3, tone(9.0))
    with pytest.raises(AudioError, match="within 5 s"):
        decode_audio(io.BytesIO(data), len(data), EARS_HZ, DecodingLimits(10.0, 5.0), lambda: next(now))


@pytest.mark.parametrize(
    "playlist",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n%s\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '%s'\n",
        b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>%s</BaseURL></MPD>',
    ],
)
def test_a_playlist_opens_no_other_file(playlist: bytes, tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(wav(EARS_HZ, 1, 16, bytes(EARS_HZ)))
    assert "not audio" in refusal(playlist % bytes(secret))


WHOLE = [container("mp4", "aac", tone(0.5)), container("webm", "libopus", tone(0.5)), wav(8000, 2, 16, bytes(8000))]
WHOLE += [encoded(each, tone(0.5)) for each in COMPRESSED]
DAMAGE = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=8)


def damaged(data: bytes, damage: list[tuple[float, bytes]], cut: float) -> bytes:
    broken = bytearray(data)
    for where, what in damage:
        at = int(where * len(broken))
        broken[at : at + len(what)] = what
    return bytes(broken[: int(cut * len(broken))])


@given(st.sampled_from(WHOLE), DAMAGE, st.floats(0, 1))
@settings(max_examples=150, deadline=None)
def test_damage_is_left_out_or_refused_and_nothing_else(
    whole: bytes, damage: list[tuple[float, bytes]], cut: float
) -> None:
    try:
        heard = decode(damaged(whole, damage, cut))
    except AudioError:
        return
    assert 0 < heard.size <= LIMITS.max_s * EARS_HZ
