"""Levels say where the voice is and where a cut hurts least."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechat.asr.levels import frame_levels_dbfs, quietest_cut, split_at_pauses, voiced_span
from voicechat.asr.port import EARS_RATE_HZ
from voicechat.audio.pcm import Pcm16


def tone(seconds: float, level: int = 8000) -> Pcm16:
    time_s = np.arange(round(seconds * EARS_RATE_HZ)) / EARS_RATE_HZ
    return (level * np.sin(2 * np.pi * 440 * time_s)).astype(np.int16)


def silence(seconds: float) -> Pcm16:
    return np.zeros(round(seconds * EARS_RATE_HZ), np.int16)


def test_no_samples_have_no_levels() -> None:
    assert frame_levels_dbfs(silence(0)).size == 0


def test_the_level_of_a_full_scale_tone_is_3_db_below_a_square_wave() -> None:
    assert frame_levels_dbfs(tone(1, 32767)) == pytest.approx(-3.01, abs=0.3)


def test_silence_around_speech_is_left_out_but_for_a_margin() -> None:
    start, end = voiced_span(np.concatenate([silence(2), tone(1), silence(3)]), margin_s=0.3)
    assert (start / EARS_RATE_HZ, end / EARS_RATE_HZ) == pytest.approx((1.7, 3.3), abs=0.021)


def test_silence_has_no_voiced_span() -> None:
    assert voiced_span(silence(2)) == (0, 0)


def test_the_cut_falls_into_the_pause() -> None:
    cut = quietest_cut(np.concatenate([tone(5), silence(0.4), tone(3)]), earliest=0)
    assert 5.0 < cut / EARS_RATE_HZ < 5.4


@settings(max_examples=30)
@given(seconds=st.floats(0, 70), longest_s=st.floats(5, 28))
def test_pieces_together_are_the_whole_and_none_is_too_long(seconds: float, longest_s: float) -> None:
    whole = np.arange(round(seconds * EARS_RATE_HZ)).astype(np.int16)
    pieces = split_at_pauses(whole, longest_s)
    assert np.array_equal(np.concatenate(pieces), whole)
    assert all(piece.size <= longest_s * EARS_RATE_HZ for piece in pieces)
