from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import dashboard, prometheus

REPOSITORY = Path(__file__).parents[2]
GRAFANA = REPOSITORY / "monitoring" / "grafana"
TWELVE = {
    "Synthesis Latency (p50/p95/p99)": ("timeseries", [None, 0.3, 0.5]),
    "Worker Utilization": ("gauge", [None, 80, 90]),
    "Active Sessions": ("stat", [None, 20, 50]),
    "Total Synthesis Requests": ("stat", [None]),
    "SLA Violations": ("stat", [None, 1, 10]),
    "SLA Compliance %": ("gauge", [None, 95, 99]),
    "Barge-in Latency (p95)": ("timeseries", [None, 0.05]),
    "Error Rate": ("timeseries", [None, 0.01, 0.1]),
    "Session Duration Distribution": ("timeseries", []),
    "Active vs Idle Workers": ("timeseries", []),
    "Synthesis Queue Depth": ("timeseries", [None, 10, 50]),
    "Messages per Session": ("timeseries", []),
}


@pytest.fixture(scope="module")
def board() -> Any:
    return json.loads((GRAFANA / "dashboards" / "tts-metrics.json").read_text())


def panels(board: Any) -> list[Any]:
    return [inner for panel in board["panels"] for inner in (panel["panels"] if panel["type"] == "row" else [panel])]


def test_the_committed_dashboard_is_what_the_code_makes() -> None:
    check = subprocess.run(
        [sys.executable, "-m", "scripts.dashboards", "--check"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert check.returncode == 0, check.stderr


def test_grafanas_own_types_read_all_of_it() -> None:
    register_default_plugins()
    text = (GRAFANA / "dashboards" / "tts-metrics.json").read_text()
    read = dashboard.Dashboard.from_json(json.loads(text))
    assert json.dumps(read, cls=JSONEncoder, indent=2, sort_keys=True) + "\n" == text
    flat = [inner for panel in read.panels or [] for inner in getattr(panel, "panels", None) or [panel]]
    assert {type(target) for panel in flat for target in panel.targets} == {prometheus.Dataquery}


def test_it_shows_the_last_hour_anew_every_ten_seconds(board: Any) -> None:
    assert board["title"] == "TTS Pipeline Metrics"
    assert board["refresh"] == "10s"
    assert board["time"] == {"from": "now-1h", "to": "now"}


def test_the_twelve_panels_come_first_with_their_kinds_and_thresholds(board: Any) -> None:
    shown = {
        panel["title"]: (
            panel["type"],
            [step["value"] for step in panel["fieldConfig"]["defaults"].get("thresholds", {"steps": []})["steps"]],
        )
        for panel in board["panels"]
        if panel["type"] != "row"
    }
    assert list(shown.items()) == list(TWELVE.items())


def test_workers_are_stacked(board: Any) -> None:
    panel = next(panel for panel in board["panels"] if panel["title"] == "Active vs Idle Workers")
    assert panel["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"


def test_rows_hold_what_helps_to_find_a_cause(board: Any) -> None:
    rows = [panel["title"] for panel in board["panels"] if panel["type"] == "row"]
    assert rows == ["Turn waterfall", "Ears", "Models", "Fleet", "LiveKit", "Node"]


def test_every_description_shows_its_queries(board: Any) -> None:
    for panel in panels(board):
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert target["expr"] in panel["description"], panel["title"]


def test_no_two_panels_share_a_number_or_a_place(board: Any) -> None:
    numbers = [panel["id"] for panel in panels(board)]
    assert len(set(numbers)) == len(numbers)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels(board)]
    assert len(set(places)) == len(places)


def test_broken_promises_and_alerts_are_marked(board: Any) -> None:
    marked = {mark["name"]: mark["expr"] for mark in board["annotations"]["list"]}
    assert "sla_compliance_percent" in marked["SLA threshold passed"]
    assert "ALERTS" in marked["Alerts"]


def test_grafana_finds_prometheus_and_the_dashboard_by_itself(board: Any) -> None:
    source = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"][0]
    provider = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "dashboards.yml").read_text())["providers"][0]
    assert source["url"] == "http://prometheus:9090"
    assert {panel["datasource"]["uid"] for panel in panels(board)} == {source["uid"]}
    assert provider["type"] == "file"
