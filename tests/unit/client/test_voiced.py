from __future__ import annotations

import numpy as np
import pytest

from voicechat.audio.pcm import Pcm16
from voicechat.client.voiced import Stretch, last_voiced_ms, split_turns, voiced_stretches

RATE_HZ = 16_000


def tone(seconds: float, level: float = 0.3) -> Pcm16:
    wave = np.sin(2 * np.pi * 220 * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)
    return (wave * level * 32767).astype(np.int16)


def silence(seconds: float) -> Pcm16:
    return np.zeros(int(seconds * RATE_HZ), np.int16)


def recording(*parts: Pcm16) -> Pcm16:
    return np.concatenate(parts)


def test_pauses_of_a_second_separate_turns_and_shorter_ones_do_not() -> None:
    pcm = recording(silence(0.5), tone(1), silence(0.9), tone(1), silence(1.2), tone(0.5), silence(2))

    turns = split_turns(pcm, RATE_HZ)

    assert [turn.size / RATE_HZ for turn in turns] == pytest.approx([3.3, 0.9], abs=0.03)


def test_a_silent_recording_has_no_turn() -> None:
    assert split_turns(silence(3), RATE_HZ) == []
    assert split_turns(np.zeros(0, np.int16), RATE_HZ) == []


def test_a_quiet_hiss_is_no_voice() -> None:
    hiss = np.random.default_rng(1).integers(-30, 30, 3 * RATE_HZ).astype(np.int16)

    assert split_turns(hiss, RATE_HZ) == []


def test_noise_far_below_the_voice_does_not_join_turns() -> None:
    hiss = np.random.default_rng(1).integers(-150, 150, 4 * RATE_HZ).astype(np.int16)
    pcm = hiss + recording(tone(1), silence(2), tone(1))

    assert len(split_turns(pcm, RATE_HZ)) == 2


def test_where_a_voice_ended_is_found_to_the_frame() -> None:
    stretches = voiced_stretches(recording(silence(0.2), tone(1), silence(1)), RATE_HZ, 0.2)

    assert stretches == [Stretch(200, 1200)]


@pytest.mark.parametrize(("before_ms", "ended_ms"), [(50, None), (600, 600), (1700, 1000), (5000, 3000)])
def test_the_last_voice_before_a_moment(before_ms: float, ended_ms: float | None) -> None:
    assert last_voiced_ms([Stretch(100, 1000), Stretch(2000, 3000)], before_ms) == ended_ms
