"""Writes Grafana's dashboards from scripts/dashboards/; with --check, says whether the committed one is the same."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from scripts.dashboards.panel import DATASOURCE, WIDTH
from scripts.dashboards.pipeline import PIPELINE
from scripts.dashboards.rows import ROWS, Row

PATH = Path(__file__).parents[2] / "monitoring" / "grafana" / "dashboards" / "tts-metrics.json"
TITLE = "TTS Pipeline Metrics"
ANNOTATIONS = (
    ("SLA threshold passed", "min(sla_compliance_percent) < 99", "orange"),
    ("Alerts", 'ALERTS{alertstate="firing"}', "red"),
)


def build() -> models.Dashboard:
    """The dashboard: the twelve panels, then the folded rows."""
    board = (
        dashboards.Dashboard(TITLE)
        .uid("tts-pipeline-metrics")
        .description("The speech pipeline. Every panel's (i) shows the query behind it.")
        .tags(["voicechat", "tts"])
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .readonly()
    )
    for name, promql, colour in ANNOTATIONS:
        board = board.annotation(_annotation(name, promql, colour))
    for panel in PIPELINE:
        board = board.with_panel(panel.build())
    for row in ROWS:
        board = board.with_row(_folded(row))
    return _numbered(board.build())


def _annotation(name: str, promql: str, colour: str) -> dashboards.AnnotationQuery:
    return dashboards.AnnotationQuery().name(name).datasource(DATASOURCE).enable(True).icon_color(colour).expr(promql)


def _folded(row: Row) -> dashboards.Row:
    builder = dashboards.Row(row.title).collapsed(True)
    top, left = 1, 0
    for panel in row.panels:
        if left + panel.width > WIDTH:
            top, left = top + 8, 0
        builder = builder.with_panel(panel.build().grid_pos(models.GridPos(h=8, w=panel.width, x=left, y=top)))
        left += panel.width
    return builder


def _numbered(board: models.Dashboard) -> models.Dashboard:
    """Give each panel a number of its own, and those of folded rows their place below the row."""
    number = 0
    for panel in board.panels or []:
        number += 1
        panel.id_val = number
        if isinstance(panel, models.RowPanel):
            for inner in panel.panels:
                number += 1
                inner.id_val = number
                if inner.grid_pos is not None and panel.grid_pos is not None:
                    inner.grid_pos.y += panel.grid_pos.y
    return board


def rendered() -> str:
    """The dashboard's JSON."""
    return json.dumps(build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def main(arguments: list[str]) -> int:
    """Write, or check; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the file differs")
    text = rendered()
    if not parser.parse_args(arguments).check:
        PATH.write_text(text)
        return 0
    if PATH.read_text() == text:
        return 0
    print(f"{PATH.name} differs from scripts/dashboards: run make docs, and commit the result", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
