from __future__ import annotations

import pytest

from voicechat.bench.statistics import Summary, share, slope, summary_json


def test_percentiles_lie_between_the_values_around_them() -> None:
    summary = Summary.of([4.0, 1.0, 3.0, 2.0, 5.0])
    assert summary is not None
    assert (summary.minimum, summary.p50, summary.maximum) == (1.0, 3.0, 5.0)
    assert summary.p95 == pytest.approx(4.8)
    assert summary.p99 == pytest.approx(4.96)


def test_one_value_is_every_percentile() -> None:
    assert Summary.of([7.0]) == Summary(1, 7.0, 7.0, 7.0, 7.0, 7.0)


def test_nothing_has_no_summary() -> None:
    assert Summary.of([]) is None
    assert summary_json([]) is None


def test_figures_are_rounded_but_the_count_stays_whole() -> None:
    told = summary_json([1.26, 1.26])
    assert told is not None
    assert (told["count"], told["p50"]) == (2, 1.3)


def test_a_share_of_nothing_is_nothing() -> None:
    assert share(0, 0) == 0
    assert share(1, 4) == 0.25


def test_slope_of_a_line_is_its_own() -> None:
    assert slope([10, 11, 12, 13], [5, 7, 9, 11]) == pytest.approx(2)


@pytest.mark.parametrize(("times", "values"), [([], []), ([1.0], [5.0]), ([2.0, 2.0], [1.0, 9.0])])
def test_too_few_times_have_no_slope(times: list[float], values: list[float]) -> None:
    assert slope(times, values) == 0
