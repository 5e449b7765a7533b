"""Where sound begins again after a pause, and the sentences that pauses are put into."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.audio.pcm import Pcm16
from voicechat.bench.word_times import paused_texts, sound_onset_ms

RATE_HZ = 22_050


def tone(ms: float) -> Pcm16:
    return (8000 * np.sin(np.arange(round(ms * RATE_HZ / 1000)))).astype(np.int16)


def quiet(ms: float) -> Pcm16:
    return np.zeros(round(ms * RATE_HZ / 1000), np.int16)


@given(pause_ms=st.floats(60, 250), told_off_ms=st.floats(-45, 45))
def test_the_end_of_the_pause_is_found(pause_ms: float, told_off_ms: float) -> None:
    pcm = np.concatenate([tone(700), quiet(pause_ms), tone(700)])
    heard_ms = sound_onset_ms(pcm, RATE_HZ, 700 + pause_ms + told_off_ms)
    assert heard_ms == pytest.approx(700 + pause_ms, abs=8)


def test_speech_without_a_pause_has_no_onset() -> None:
    pcm = np.concatenate([tone(700), quiet(20), tone(700)])
    assert sound_onset_ms(pcm, RATE_HZ, 720) is None


def test_silence_to_the_end_has_no_onset() -> None:
    assert sound_onset_ms(np.concatenate([tone(700), quiet(900)]), RATE_HZ, 800) is None


def test_each_sentence_gets_one_mark_and_tells_the_word_behind_it() -> None:
    texts = paused_texts(30)
    assert len({one.text for one in texts}) == 30
    for one in texts:
        assert one.text[one.char - 2 : one.char] == one.mark + " "
        assert one.text[one.char].isalnum()
