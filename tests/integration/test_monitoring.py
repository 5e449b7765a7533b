"""What Prometheus and Alertmanager are given: valid, tested, true to the code, and explained in the runbooks."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from voicechat.cli import app

REPOSITORY = Path(__file__).parents[2]
MONITORING = REPOSITORY / "monitoring"
RUNBOOKS = REPOSITORY / "docs" / "runbooks"
OTHERS = ("up", "node_", "alertmanager_", "process_")
"""What others show: Prometheus itself, node-exporter, Alertmanager, and the client library."""
SECTIONS = ["Meaning", "Impact", "Confirm", "Mend"]
SPEC = {"HighSynthesisLatency": "warning", "LowSLACompliance": "critical", "HighErrorRate": "warning"}


def ran(*command: str) -> str:
    done = subprocess.run(command, cwd=MONITORING, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules(file: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load((MONITORING / file).read_text())["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules("alerts.yml")}
RECORDED = {rule["record"] for rule in rules("recording-rules.yml")}


PARTS = ("_bucket", "_sum", "_count")


def shown() -> set[str]:
    """Every name that our processes can be asked for, of the reference that is made from them."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", (REPOSITORY / "docs/reference/metrics.md").read_text(), re.MULTILINE)
    parts = {f"{name}{part}" for name, kind in rows if kind == "histogram" for part in PARTS}
    return parts | {name for name, kind in rows if kind != "histogram"}


def asked(query: str) -> set[str]:
    """The metrics that a query names: what is neither a function, a label, a word of the language nor a string."""
    bare = re.sub(r'"[^"]*"', '""', query)
    bare = re.sub(r"\{[^}]*\}", "", bare)
    bare = re.sub(r"\b(by|on|without|ignoring)\s*\([^)]*\)", " ", bare)
    words = re.findall(r"[a-zA-Z_][\w:]*(?!\w*\s*\()", bare)
    return {word for word in words if not re.fullmatch(r"and|or|unless|bool|m|s|h|by|on|e", word)}


def test_the_names_in_a_query_are_found() -> None:
    query = 'sum by (le) (rate(a_bucket{b="c"}[5m])) > on (d) 2 * e:f:g and absent(h_total) or max_over_time(i[1m])'
    assert asked(query) == {"a_bucket", "e:f:g", "h_total", "i"}


def test_prometheus_takes_the_configuration_and_the_rules() -> None:
    ran("promtool", "check", "config", "prometheus.yml")


@pytest.mark.parametrize("file", ["alerts_test.yml", "quiet_test.yml"])
def test_alerts_fire_when_they_should_and_not_before(file: str) -> None:
    ran("promtool", "test", "rules", f"tests/{file}")


def test_every_alert_is_tested_before_and_after_it_is_due_and_where_nothing_is_wrong() -> None:
    due = [one for test in cases_of("alerts_test.yml") for one in test["alert_rule_test"]]
    assert {one["alertname"] for one in due if one["exp_alerts"]} == set(ALERTS)
    assert {one["alertname"] for one in due if not one["exp_alerts"]} == set(ALERTS)
    healthy = next(test for test in cases_of("quiet_test.yml") if test["name"] == "nothing is wrong")
    assert {one["alertname"] for one in healthy["alert_rule_test"]} == set(ALERTS)


def cases_of(file: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((MONITORING / "tests" / file).read_text())["tests"]
    return found


def test_the_alerts_of_the_guide_keep_their_names_and_severities() -> None:
    assert {name: ALERTS[name]["labels"]["severity"] for name in SPEC} == SPEC


@pytest.mark.parametrize("rule", rules("recording-rules.yml") + rules("alerts.yml"), ids=lambda rule: rule.get("alert"))
def test_every_query_asks_for_what_somebody_shows(rule: dict[str, Any]) -> None:
    unknown = {name for name in asked(rule["expr"]) - shown() - RECORDED if not name.startswith(OTHERS)}
    assert not unknown


def test_alertmanager_takes_its_configuration() -> None:
    assert "3 receivers" in ran("amtool", "check-config", "alertmanager.yml")


@pytest.mark.parametrize("alert", ALERTS)
def test_critical_alerts_wake_somebody_and_the_others_are_told(alert: str) -> None:
    labels = (f"alertname={alert}", f"severity={ALERTS[alert]['labels']['severity']}")
    receiver = ran("amtool", "config", "routes", "test", "--config.file=alertmanager.yml", *labels).strip()
    if alert == "AlertsNotDelivered":
        assert receiver == "webhook", "nothing may go through the way that fails"
    else:
        assert receiver == ("pager" if "severity=critical" in labels else "team")


def test_inhibitions_name_alerts_that_exist() -> None:
    for rule in yaml.safe_load((MONITORING / "alertmanager.yml").read_text())["inhibit_rules"]:
        named = re.findall(r'alertname=~?"([^"]*)"', " ".join(rule["source_matchers"] + rule["target_matchers"]))
        assert named
        assert {name for names in named for name in names.split("|")} <= set(ALERTS)


def test_secrets_are_files() -> None:
    text = (MONITORING / "alertmanager.yml").read_text()
    assert re.findall(r"(?:routing_key|api_url|credentials|password)\s*:", text) == []
    assert set(re.findall(r"_file: (/\w+/\w+)/", text)) == {"/run/secrets"}


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_its_page_and_names_it(alert: str) -> None:
    page = RUNBOOKS / f"{alert}.md"
    assert ALERTS[alert]["annotations"]["runbook_url"].endswith(f"/docs/runbooks/{page.name}")
    text = page.read_text()
    assert text.startswith(f"# {alert}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert "```bash" in text.split("## Confirm")[1].split("## Mend")[0]
    assert all((RUNBOOKS / link).exists() for link in re.findall(r"\]\(([^)#:]+)", text))


def test_there_is_no_page_without_an_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == {*ALERTS, "README"}


def test_the_queries_of_the_runbooks_are_queries_of_what_is_shown(tmp_path: Path) -> None:
    queries = sorted({query for page in RUNBOOKS.glob("*.md") for query in queries_of(page)})
    groups = [{"name": "runbooks", "rules": [{"record": f"r{n}", "expr": query} for n, query in enumerate(queries)]}]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))
    ran("promtool", "check", "rules", str(tmp_path / "rules.yml"))
    unknown = {name for query in queries for name in asked(query) - shown() - RECORDED}
    assert {name for name in unknown if not name.startswith(OTHERS)} == set()


def queries_of(page: Path) -> Iterator[str]:
    yield from re.findall(r"promtool query instant \S+ '(.*)'$", page.read_text(), re.MULTILINE)


def test_the_runbooks_name_commands_that_exist() -> None:
    import typer

    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    named = {
        command for page in RUNBOOKS.glob("*.md") for command in re.findall(r"^voicechat (\w+)", page.read_text(), re.M)
    }
    assert named
    assert named <= known
