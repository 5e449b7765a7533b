"""What is made of pauses: cut-offs and delays."""

from __future__ import annotations

import math

import numpy as np
import pytest

from voicechat.audio.pcm import rms_dbfs
from voicechat.bench.endpointing.pauses import Pause
from voicechat.bench.endpointing.policy import Policy, outcome
from voicechat.bench.endpointing.recordings import RATE_HZ, Kind, human_recordings

SILENCE = Policy("vad", 0.5, 0.5)
JUDGED = Policy("smart-turn", 0.4, 1.5)


def pause(at_s: float, resumed_s: float = math.inf, *, finished: bool | None = None, took_s: float = 0.1) -> Pause:
    probability = None if finished is None else 0.9 if finished else 0.1
    return Pause(at_s, at_s + 0.25, at_s + 0.2, resumed_s, probability, took_s)


def test_a_pause_longer_than_the_silence_is_a_cut_off() -> None:
    assert outcome(SILENCE, [pause(2.0, 2.8), pause(4.0)], 4.0).cut_off


def test_a_shorter_one_is_not_and_the_delay_runs_from_the_true_end() -> None:
    result = outcome(SILENCE, [pause(2.0, 2.4), pause(4.08)], 4.0)
    assert not result.cut_off
    assert result.delay_s == pytest.approx(0.58)


def test_a_turn_judged_unfinished_is_waited_for() -> None:
    assert not outcome(JUDGED, [pause(2.0, 2.8, finished=False), pause(4.0, finished=True)], 4.0).cut_off
    assert outcome(JUDGED, [pause(2.0, 2.8, finished=True), pause(4.0, finished=True)], 4.0).cut_off


def test_the_judges_own_time_is_waited_for() -> None:
    result = outcome(JUDGED, [pause(4.0, finished=True, took_s=0.9)], 4.0)
    assert result.delay_s == pytest.approx(0.2 + 0.9)


def test_a_turn_whose_end_nobody_noticed_never_ends() -> None:
    assert outcome(SILENCE, [], 1.0).delay_s == math.inf


def test_recordings_are_the_same_every_time_and_silent_where_they_pause() -> None:
    first, again = list(human_recordings()), list(human_recordings())
    assert all(np.array_equal(one.pcm, other.pcm) for one, other in zip(first, again, strict=True))
    number = next(one for one in first if one.kind is Kind.NUMBER)
    assert len(number.pauses_s) == 6
    tail = number.pcm[round((number.end_s + 0.2) * RATE_HZ) :]
    assert rms_dbfs(tail) < -55
