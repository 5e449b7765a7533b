"""The files of `monitoring/` as they are, but for addresses: what they find by name stands here by port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

RULES = ("recording-rules.yml", "alerts.yml")
HURRIED_S = 1
"""Between two scrapes and two looks at the rules, where nobody wants to wait."""
HURRIED_FOR = "2s"

Targets = Mapping[str, Sequence[str]]
"""Addresses by the name of the job."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where the changed files are."""

    prometheus: Path
    alertmanager: Path


def write_files(
    source: Path, directory: Path, targets: Targets, alertmanager: str, webhook_url: str, *, hurry: bool
) -> Files:
    """Write them for these addresses into `directory`.

    Args:
        source: `monitoring/`.
        directory: Where to.
        targets: Jobs that are not among them are left out.
        alertmanager: Its address.
        webhook_url: Who is told; the path is the name of the receiver. No other way leads out.
        hurry: Whether everything is asked each second, and alerts are due after two.
    """
    for name in RULES:
        rules = yaml.safe_load((source / name).read_text(encoding="utf-8"))
        _write(directory / name, _hurried_rules(rules) if hurry else rules)
    config = yaml.safe_load((source / "prometheus.yml").read_text(encoding="utf-8"))
    _write(directory / "prometheus.yml", _prometheus(config, targets, alertmanager, hurry=hurry))
    told = yaml.safe_load((source / "alertmanager.yml").read_text(encoding="utf-8"))
    _write(directory / "alertmanager.yml", _alertmanager(told, webhook_url, directory, hurry=hurry))
    return Files(directory / "prometheus.yml", directory / "alertmanager.yml")


def _prometheus(config: dict[str, Any], targets: Targets, alertmanager: str, *, hurry: bool) -> dict[str, Any]:
    jobs = [
        {"job_name": job["job_name"], "static_configs": [{"targets": list(targets[job["job_name"]])}]}
        for job in config["scrape_configs"]
        if job["job_name"] in targets
    ]
    paces = {"scrape_interval", "scrape_timeout", "evaluation_interval"}
    hurried = {pace: f"{HURRIED_S}s" for pace in paces} if hurry else {}
    told = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    return {**config, "global": config["global"] | hurried, "scrape_configs": jobs, "alerting": told}


def _hurried_rules(rules: dict[str, Any]) -> dict[str, Any]:
    for group in rules["groups"]:
        group["interval"] = f"{HURRIED_S}s"
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = HURRIED_FOR
    return rules


def _alertmanager(config: dict[str, Any], webhook_url: str, directory: Path, *, hurry: bool) -> dict[str, Any]:
    token = directory / "webhook_token"
    token.write_text("drill", encoding="utf-8")
    told = {"send_resolved": True, "http_config": {"authorization": {"credentials_file": str(token)}}}
    receivers = [
        {"name": one["name"], "webhook_configs": [{"url": f"{webhook_url}/{one['name']}", **told}]}
        for one in config["receivers"]
    ]
    if hurry:
        for route in (config["route"], *config["route"]["routes"]):
            route |= {"group_wait": f"{HURRIED_S}s", "group_interval": f"{HURRIED_S}s"}
    return {**config, "receivers": receivers}


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
