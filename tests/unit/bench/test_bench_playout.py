from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.audio.pcm import Pcm16
from voicechat.bench.playout import Playout

RATE_HZ = 1000
CHUNK = 20


def audio(samples: int, level: int = 1000) -> Pcm16:
    return np.full(samples, level, np.int16)


def heard(*messages: tuple[float, int], end_s: float | None = None) -> Playout:
    """A reply whose messages, of so many samples each, arrived at these times; played to its end."""
    playout = Playout()
    for at_s, samples in messages:
        playout.arrive(at_s, audio(samples), RATE_HZ)
    playout.end(messages[-1][0] if end_s is None else end_s)
    playout.advance(math.inf)
    return playout


def test_first_audio_is_when_20_ms_are_there() -> None:
    assert heard((1.0, 19), (1.5, 1), (1.6, 100)).first_audio_s == 1.5


def test_a_reply_shorter_than_a_chunk_is_heard_when_it_ends() -> None:
    playout = heard((1.0, 5), end_s=1.2)
    assert (playout.first_audio_s, playout.chunks, playout.underruns) == (1.2, 1, 0)


def test_what_comes_at_once_plays_without_a_gap() -> None:
    playout = heard((0.5, 210))
    assert (playout.chunks, playout.underruns, playout.played_samples) == (11, 0, 210)


def test_a_late_message_costs_a_tick_for_each_20_ms_that_it_is_late() -> None:
    # The second message is due at 0.040 and is played at the tick of 0.100.
    playout = heard((0.0, 40), (0.085, 40))
    assert (playout.chunks, playout.underruns) == (4, 3)


def test_a_message_that_is_just_in_time_costs_nothing() -> None:
    assert heard((0.0, 40), (0.04, 40)).underruns == 0


def test_waiting_for_an_end_that_brings_no_audio_is_no_underrun() -> None:
    assert heard((0.0, 40), end_s=5.0).underruns == 0


def test_ticks_that_were_dry_count_only_once_more_audio_is_played() -> None:
    playout = Playout()
    playout.arrive(0.0, audio(20), RATE_HZ)
    playout.advance(0.09)
    assert playout.underruns == 0
    playout.arrive(0.095, audio(20), RATE_HZ)
    playout.advance(0.105)
    assert playout.underruns == 4


def test_how_often_the_clock_is_looked_at_changes_nothing() -> None:
    often = Playout()
    messages = [(0.0, 40), (0.07, 30), (0.3, 55)]
    now_s = 0.0
    for at_s, samples in messages:
        while now_s < at_s:
            often.advance(now_s)
            now_s += 0.003
        often.arrive(at_s, audio(samples), RATE_HZ)
    often.end(0.3)
    often.advance(math.inf)
    once = heard(*messages)
    assert (often.chunks, often.underruns) == (once.chunks, once.underruns)


def test_a_pause_is_not_an_underrun() -> None:
    playout = Playout()
    playout.arrive(0.0, audio(40), RATE_HZ)
    playout.pause(0.01)
    playout.advance(3.0)
    assert playout.played_samples == CHUNK
    playout.resume(5.0)
    playout.arrive(5.0, audio(20), RATE_HZ)
    playout.end(5.0)
    playout.advance(math.inf)
    assert (playout.chunks, playout.underruns) == (3, 0)


def test_audio_that_begins_during_a_pause_is_played_from_its_end() -> None:
    playout = Playout()
    playout.pause(0.0)
    playout.arrive(1.0, audio(20), RATE_HZ)
    playout.end(1.0)
    playout.advance(1.5)
    assert playout.played_samples == 0
    playout.resume(2.0)
    playout.advance(1.99)
    assert playout.played_samples == 0
    playout.advance(2.0)
    assert playout.finished


def test_a_pause_before_any_audio_is_remembered() -> None:
    playout = Playout()
    playout.pause(0.0)
    playout.resume(1.0)
    assert playout.held_before_audio


def test_a_pause_of_audio_that_plays_does_not_count_as_one_before_it() -> None:
    playout = Playout()
    playout.arrive(0.0, audio(40), RATE_HZ)
    playout.pause(0.01)
    assert not playout.held_before_audio


def test_the_longest_wait_counts_from_the_asking() -> None:
    playout = heard((2.0, 40), (2.5, 40), (5.0, 40))
    assert playout.longest_wait_s(0.0) == pytest.approx(2.5)
    assert playout.longest_wait_s(-1.0) == pytest.approx(3.0)


def test_first_sound_is_when_the_first_loud_sample_is_heard() -> None:
    playout = Playout()
    playout.arrive(0.5, np.concatenate((audio(30, 50), audio(50, 500))), RATE_HZ)
    playout.end(0.5)
    playout.advance(math.inf)
    assert playout.first_sound_s == pytest.approx(0.530)


def test_first_sound_behind_a_gap_is_late_by_the_gap() -> None:
    playout = Playout()
    playout.arrive(0.0, audio(20, 0), RATE_HZ)
    playout.arrive(0.06, audio(20, 500), RATE_HZ)
    playout.end(0.06)
    playout.advance(math.inf)
    assert playout.first_sound_s == pytest.approx(0.06)


def test_silence_has_no_first_sound() -> None:
    playout = Playout()
    playout.arrive(0.0, audio(100, 0), RATE_HZ)
    playout.end(0.0)
    playout.advance(math.inf)
    assert playout.first_sound_s is None


def test_a_gapless_start_waits_for_the_message_that_is_latest_for_its_place() -> None:
    assert heard((0.1, 40), (0.5, 40), (0.51, 40)).gapless_start_s == pytest.approx(0.46)


@given(st.lists(st.tuples(st.floats(0, 0.2), st.integers(1, 90)), min_size=1, max_size=20))
def test_who_starts_at_the_gapless_start_hears_no_gap(steps: list[tuple[float, int]]) -> None:
    at_s, messages = 0.0, []
    for wait_s, samples in steps:
        at_s += wait_s
        messages.append((at_s, samples))
    start_s = heard(*messages).gapless_start_s
    assert start_s is not None
    # Whatever arrives before the start is there at the start.
    later = [(max(at_s, start_s + 1e-9), samples) for at_s, samples in messages]
    assert heard(*later).underruns == 0
