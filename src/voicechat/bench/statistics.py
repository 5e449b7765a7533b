"""What many measurements come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Summary:
    """Of `count` values, in the values' own unit. Percentiles are interpolated linearly (Hyndman and Fan, type 7)."""

    count: int
    minimum: float
    p50: float
    p95: float
    p99: float
    maximum: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary | None:
        """None where there are no values."""
        if not values:
            return None
        low, p50, p95, p99, high = (float(value) for value in np.percentile(values, [0, 50, 95, 99, 100]))
        return cls(len(values), low, p50, p95, p99, high)

    def as_json(self, digits: int = 1) -> dict[str, Any]:
        """Rounded to `digits` behind the point."""
        return {name: value if name == "count" else round(value, digits) for name, value in asdict(self).items()}


def summary_json(values: Sequence[float], digits: int = 1) -> dict[str, Any] | None:
    """`Summary` as JSON; None where there are no values."""
    summary = Summary.of(values)
    return None if summary is None else summary.as_json(digits)


def share(part: float, whole: float) -> float:
    """`part` of `whole`; 0 of nothing."""
    return part / whole if whole else 0.0


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """Least squares change of `values` per unit of `times`; 0 for fewer than two points."""
    if len(times) < 2:
        return 0.0
    centred = np.asarray(times) - np.mean(times)
    spread = float(np.sum(np.square(centred)))
    return float(np.sum(centred * np.asarray(values))) / spread if spread else 0.0
