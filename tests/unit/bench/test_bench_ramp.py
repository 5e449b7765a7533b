from __future__ import annotations

from voicechat.bench.ramp import Stage, greatest_held, is_over


def stage(clients: int, *, first_ms: float = 100.0, underruns: int = 0, refusals: int = 0) -> Stage:
    return Stage(clients, 10.0, [first_ms] * 20, 10_000 - underruns, underruns, refusals, speech_s=50.0, cpu_s=10.0)


def test_a_stage_within_its_bars_is_held() -> None:
    assert stage(3, first_ms=300.0, underruns=10).held


def test_more_than_one_underrun_in_a_thousand_is_too_many() -> None:
    assert not stage(3, underruns=11).held


def test_late_first_audio_is_not_held() -> None:
    assert not stage(3, first_ms=300.1).held


def test_a_refused_client_is_not_held() -> None:
    assert not stage(3, refusals=1).held


def test_a_stage_in_which_nobody_was_answered_is_not_held() -> None:
    assert not Stage(1, 10.0, [], 0, 0, 0, 0.0, 0.0).held


def test_the_greatest_held_lies_below_the_first_failure() -> None:
    stages = [stage(1), stage(2), stage(3, underruns=500), stage(4)]
    assert greatest_held(stages) == 2


def test_nothing_is_held_when_the_first_stage_fails() -> None:
    assert greatest_held([stage(1, first_ms=900), stage(2)]) == 0
    assert greatest_held([]) == 0


def test_one_failure_does_not_end_a_ramp_and_two_in_a_row_do() -> None:
    good, bad = stage(1), stage(2, underruns=500)
    assert not is_over([])
    assert not is_over([bad])
    assert not is_over([good, bad])
    assert not is_over([bad, good, bad])
    assert is_over([good, bad, bad])


def test_computing_is_told_for_a_second_of_speech() -> None:
    assert stage(1).cpu_s_per_speech_s == 0.2
    assert stage(1).as_json()["cpu_s_per_speech_s"] == 0.2
