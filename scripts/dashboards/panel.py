"""A panel as it is written down here, and what Grafana makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.builders import gauge, prometheus, stat, timeseries
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

DATASOURCE = models.DataSourceRef(type_val="prometheus", uid="prometheus")
"""The data source that monitoring/grafana/provisioning/ sets up."""
WIDTH = 24
"""Columns of Grafana's grid."""


class Kind(StrEnum):
    """How a panel shows its values."""

    LINES = "timeseries"
    AREA = "stacked"
    GAUGE = "gauge"
    STAT = "stat"


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and what its series are called: text in which `{{label}}` stands for a label's value."""

    promql: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        title: Its heading.
        meaning: One or two sentences; the queries are put below them.
        kind: How values are shown.
        queries: What is asked.
        unit: Grafana's name of it.
        levels: Thresholds: the colour from each value on; the first counts from below.
        maximum: Upper end of the scale; None: what the values need.
        width: Columns.
    """

    title: str
    meaning: str
    kind: Kind
    queries: Sequence[Query]
    unit: str = "short"
    levels: Sequence[tuple[float | None, str]] = field(default_factory=tuple)
    maximum: float | None = None
    width: int = 8

    def build(self) -> Any:
        """The panel as the SDK's builder."""
        builder = _BUILDERS[self.kind]().title(self.title).description(self.description)
        builder = builder.datasource(DATASOURCE).unit(self.unit).height(8).span(self.width).min(0)
        if self.maximum is not None:
            builder = builder.max(self.maximum)
        if self.levels:
            steps = [models.Threshold(value=value, color=colour) for value, colour in self.levels]
            builder = builder.thresholds(
                dashboards.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)
            )
        for index, query in enumerate(self.queries):
            builder = builder.with_target(_target(query, chr(ord("A") + index)))
        return builder

    @property
    def description(self) -> str:
        """What the panel's (i) tells: its meaning, and each query to try in Prometheus."""
        examples = "\n\n".join(f"```promql\n{query.promql}\n```" for query in self.queries)
        return f"{self.meaning}\n\n{examples}"


def _target(query: Query, ref_id: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.promql).legend_format(query.legend).ref_id(ref_id).range()
    return target.exemplar(True) if "_bucket" in query.promql else target


def _lines() -> timeseries.Panel:
    legend = common_builders.VizLegendOptions().show_legend(True).display_mode(common.LegendDisplayMode.LIST)
    line = common_builders.GraphThresholdsStyleConfig().mode(common.GraphTresholdsStyleMode.DASHED)
    shown = legend.placement(common.LegendPlacement.BOTTOM)
    return timeseries.Panel().legend(shown).thresholds_style(line).line_width(2).fill_opacity(8)


def _area() -> timeseries.Panel:
    stacking = common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A")
    return _lines().stacking(stacking).fill_opacity(60)


def _last() -> common_builders.ReduceDataOptions:
    return common_builders.ReduceDataOptions().calcs(["lastNotNull"])


_BUILDERS = {
    Kind.LINES: _lines,
    Kind.AREA: _area,
    Kind.GAUGE: lambda: gauge.Panel().reduce_options(_last()).show_threshold_markers(True),
    Kind.STAT: lambda: stat.Panel().reduce_options(_last()).graph_mode(common.BigValueGraphMode.AREA),
}
