from __future__ import annotations

import numpy as np

from voicechat.bench.clients import Tally
from voicechat.bench.playout import Playout


def reply(first_s: float, samples: int = 40) -> Playout:
    playout = Playout()
    playout.arrive(first_s, np.ones(samples, np.int16), 1000)
    return playout


def test_a_reply_that_is_cut_off_counts_as_far_as_it_was_played() -> None:
    tally = Tally()
    tally.add(reply(1.25, samples=400), began_s=1.0, now_s=1.30)
    assert (tally.first_audio_ms, tally.chunks, tally.speech_s) == ([250.0], 3, 0.4)


def test_a_reply_waited_for_past_the_bar_counts_with_its_wait() -> None:
    tally = Tally()
    tally.add(Playout(), began_s=1.0, now_s=3.0)
    assert tally.first_audio_ms == [2000.0]


def test_a_reply_that_was_only_just_asked_for_does_not_count() -> None:
    tally = Tally()
    tally.add(Playout(), began_s=1.0, now_s=1.1)
    assert tally.first_audio_ms == []
