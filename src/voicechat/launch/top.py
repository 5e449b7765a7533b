"""`voicechat top`: sessions, latencies, errors and the fleet of a running installation, in a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from pydantic import TypeAdapter
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from voicechat.fleet.record import WorkerRecord
from voicechat.launch.workers import fleet_table

REFRESH_S = 2.0
TIMEOUT_S = 2.0
PROMISES_MS = {"synthesis_latency_p95_ms": 300.0, "session_barge_in_p95_ms": 50.0}
"""Beyond these a figure is red."""
STAGES = ("endpoint", "asr", "llm", "tts", "total")
_TURN = "voicechat_turn_latency_seconds"
_RECORDS = TypeAdapter(tuple[WorkerRecord, ...])

Stages = dict[str, tuple[float, float]]
"""For each stage of turns: the sum of seconds, and how many turns."""


class TopError(Exception):
    """The orchestrator did not answer; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look saw. `problem`: why an old look, or nothing of the fleet, is shown."""

    figures: dict[str, Any] = field(default_factory=dict)
    uptime_s: float = 0.0
    stages: Stages = field(default_factory=dict)
    workers: Sequence[WorkerRecord] = ()
    problem: str = ""


def show_top(url: str, *, once: bool) -> None:
    """Show it until interrupted, or once. Raises `TopError` where the first look sees nothing."""
    asyncio.run(_show(url.rstrip("/"), once=once))


async def _show(url: str, *, once: bool) -> None:
    async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
        sight = await look(client, url)
        if once:
            Console().print(screen(sight, None, url))
            return
        with Live(screen(sight, None, url), auto_refresh=False, screen=True) as live:
            while True:
                await asyncio.sleep(REFRESH_S)
                before, sight = sight, await _look_again(client, url, sight)
                live.update(screen(sight, before, url), refresh=True)


async def _look_again(client: httpx.AsyncClient, url: str, last: Sight) -> Sight:
    """A new look; while nobody answers, the last one and why."""
    try:
        return await look(client, url)
    except TopError as error:
        return replace(last, problem=str(error))


async def look(client: httpx.AsyncClient, url: str) -> Sight:
    """Ask the orchestrator whose ops address is `url`. Raises `TopError`."""
    try:
        summary, metrics, fleet = await asyncio.gather(
            *(client.get(f"{url}{path}") for path in ("/metrics/summary", "/metrics", "/workers"))
        )
        summary.raise_for_status()
        told, known = summary.json(), fleet.json()
        workers = _RECORDS.validate_python(known["workers"])
    except (httpx.HTTPError, ValueError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise TopError(f"no orchestrator answers at {url} ({reason}); name its ops address with --url") from error
    return Sight(told["metrics"], told["uptime_seconds"], turn_stages(metrics.text), workers, known.get("error", ""))


def turn_stages(exposition: str) -> Stages:
    """What `/metrics` says of the stages of turns."""
    sums: dict[str, float] = {}
    counts: dict[str, float] = {}
    for family in text_string_to_metric_families(exposition):
        if family.name != _TURN:
            continue
        for sample in family.samples:
            with suppress(KeyError):
                if sample.name.endswith("_sum"):
                    sums[sample.labels["stage"]] = sample.value
                elif sample.name.endswith("_count"):
                    counts[sample.labels["stage"]] = sample.value
    return {stage: (sums.get(stage, 0.0), count) for stage, count in counts.items()}


def screen(sight: Sight, before: Sight | None, url: str) -> RenderableType:
    """The whole picture; rates need a look `before`."""
    head = Text.assemble(("voicechat top", "bold"), f"  {url}  up {_duration(sight.uptime_s)}")
    parts: list[RenderableType] = [head, Text(), _figures(sight, before), Text(), _stage_table(sight, before), Text()]
    return Group(*parts, fleet_table(sight.workers, sight.problem))


def _figures(sight: Sight, before: Sight | None) -> Table:
    table = Table.grid(padding=(0, 3))
    figure = sight.figures.get
    table.add_row(
        "sessions",
        _count(figure("sessions_active")),
        "replies now",
        _count(figure("synthesis_active")),
        "queued",
        _count(figure("synthesis_queue_depth")),
        "replies",
        _rate(sight, before, "synthesis_total"),
    )
    table.add_row(
        "first audio p50",
        _ms(sight, "synthesis_latency_p50_ms"),
        "p95",
        _ms(sight, "synthesis_latency_p95_ms"),
        "p99",
        _ms(sight, "synthesis_latency_p99_ms"),
        "barge-in p95",
        _ms(sight, "session_barge_in_p95_ms"),
    )
    table.add_row(
        "errors",
        _rate(sight, before, "synthesis_errors"),
        "worker errors",
        _rate(sight, before, "worker_errors"),
        "missed promises",
        _rate(sight, before, "sla_violations"),
        "kept",
        _percent(figure("sla_compliance_percent")),
    )
    return table


def _stage_table(sight: Sight, before: Sight | None) -> Table:
    """Mean of each stage of turns: of those since the last look where there were any, else of all."""
    table = Table(box=None, pad_edge=False)
    table.add_column("turns")
    row = ["mean"]
    for stage in STAGES:
        table.add_column(stage, justify="right")
        seconds, turns = sight.stages.get(stage, (0.0, 0.0))
        earlier_s, earlier = before.stages.get(stage, (0.0, 0.0)) if before is not None else (0.0, 0.0)
        if turns > earlier:
            seconds, turns = seconds - earlier_s, turns - earlier
        row.append(f"{1000 * seconds / turns:.0f} ms" if turns else "-")
    table.add_row(*row)
    return table


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} %"


def _ms(sight: Sight, name: str) -> Text:
    value = sight.figures.get(name)
    if value is None:
        return Text("-")
    return Text(f"{value:.0f} ms", style="red" if value > PROMISES_MS.get(name, float("inf")) else "")


def _rate(sight: Sight, before: Sight | None, name: str) -> str:
    """The count, and how fast it grows."""
    value = sight.figures.get(name)
    if value is None:
        return "-"
    was = None if before is None else before.figures.get(name)
    seconds = 0.0 if before is None else sight.uptime_s - before.uptime_s
    return f"{value:g}" if was is None or seconds <= 0 else f"{value:g} ({(value - was) / seconds:.1f}/s)"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
