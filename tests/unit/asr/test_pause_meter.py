"""The meter knows a pause from speech, whatever the room sounds like."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechat.asr.pause import PauseMeter
from voicechat.asr.port import EARS_RATE_HZ
from voicechat.audio.pcm import Pcm16

FRAME_S = 0.02


def tone(seconds: float, level: int = 8000) -> Pcm16:
    time_s = np.arange(round(seconds * EARS_RATE_HZ)) / EARS_RATE_HZ
    return (level * np.sin(2 * np.pi * 440 * time_s)).astype(np.int16)


def noise(seconds: float, level: int) -> Pcm16:
    return np.random.default_rng(1).normal(0, level, round(seconds * EARS_RATE_HZ)).astype(np.int16)


def silence(seconds: float) -> Pcm16:
    return np.zeros(round(seconds * EARS_RATE_HZ), np.int16)


def quiet_after(*chunks: Pcm16) -> float:
    """Seconds of quiet that the meter counts at the end."""
    meter = PauseMeter()
    for chunk in chunks:
        meter.push(chunk)
    return meter.quiet_samples / EARS_RATE_HZ


def test_quiet_is_counted_from_the_end_of_speech() -> None:
    assert quiet_after(tone(0.5), silence(0.1), silence(0.2)) == pytest.approx(0.3, abs=FRAME_S)


def test_speech_after_a_pause_ends_the_quiet() -> None:
    assert quiet_after(tone(0.5), silence(0.3), tone(0.2)) == 0


def test_a_steady_background_far_below_the_voice_counts_as_quiet() -> None:
    assert quiet_after(tone(0.5, 16000), tone(0.3, 300)) == pytest.approx(0.3, abs=FRAME_S)


@pytest.mark.parametrize("level", [100, 700, 2000])
def test_the_noise_of_a_loud_room_counts_as_quiet_once_it_was_heard_alone(level: int) -> None:
    room = noise(3.0, level)
    speech = np.concatenate([silence(0.5), tone(1.0, 12_000), silence(1.5)])
    assert quiet_after(speech + room) == pytest.approx(1.5, abs=FRAME_S)


def test_a_voice_that_never_falters_has_no_pause() -> None:
    assert quiet_after(tone(3.0)) == 0


def test_speech_after_a_slammed_door_is_heard_as_speech() -> None:
    door = noise(0.2, 12_000)
    room = noise(3.0, 20)
    sound = np.concatenate([silence(0.3), door, silence(0.5), tone(2.0, 700)])
    assert quiet_after(sound + room) == 0


def test_a_pause_is_found_where_the_voice_is_hardly_louder_than_the_room() -> None:
    speech = np.concatenate([silence(0.5), tone(1.0, 6000), silence(0.6)])
    assert quiet_after(speech + noise(2.1, 2000)) == pytest.approx(0.6, abs=FRAME_S)


@pytest.mark.parametrize(("level", "range_db"), [(0, 50.0), (400, 23.0), (2000, 10.0)])
def test_the_range_is_from_the_background_to_the_loudest(level: int, range_db: float) -> None:
    meter = PauseMeter()
    meter.push(np.concatenate([silence(0.5), tone(1.0, 8000)]) + noise(1.5, level))
    assert meter.range_db == pytest.approx(range_db, abs=3.0)


def test_silence_alone_is_no_voice() -> None:
    meter = PauseMeter()
    meter.push(silence(1))
    assert not meter.heard_voice


@settings(max_examples=50)
@given(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=60))
def test_quiet_does_not_depend_on_how_the_audio_is_cut_into_frames(sizes: list[int]) -> None:
    sound = np.concatenate([tone(0.4), silence(0.3), tone(0.2), silence(0.5)]) + noise(1.4, 50)
    whole = PauseMeter()
    whole.push(sound)
    cut = PauseMeter()
    for piece in np.split(sound, np.cumsum(sizes) * 320):
        cut.push(piece)
    assert cut.quiet_samples == whole.quiet_samples
