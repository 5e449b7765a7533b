"""`voicechat bench chaos`: callers on a fleet whose workers are killed, stopped and restarted, and its Redis too."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from voicechat.bench.chaos.caller import Calls, call
from voicechat.bench.chaos.faults import HealthLog, Troubles
from voicechat.bench.chaos.figures import turn_figures
from voicechat.bench.chaos.parts import installation
from voicechat.bench.chaos.strain import Strain
from voicechat.bench.report import Bar, Measuring, progress, show_table
from voicechat.client.errors import one_error
from voicechat.models.store import ModelStore
from voicechat.settings import Settings

WORKERS = 3
_COUNTERS = ("worker_", "voicechat_worker_", "synthesis_")
_UNTRUE_SHOWN = 20
_SAY_EVERY_S = 30.0


def run_chaos(settings: Settings, callers: int, seconds: float) -> dict[str, Any]:
    """The report. Raises `ModelError` or `BenchError`."""
    for model_id in (settings.tts.default_model, settings.asr.model):
        ModelStore(settings.models.directory).require(model_id)
    return asyncio.run(_run(settings, callers, seconds))


async def _run(settings: Settings, callers: int, seconds: float) -> dict[str, Any]:
    measuring = Measuring("chaos", {"callers": callers, "seconds": seconds, "workers": WORKERS})
    calls, health = Calls(), HealthLog()
    with tempfile.TemporaryDirectory(prefix="voicechat-chaos-") as directory, one_error():
        async with installation(settings, WORKERS, Path(directory)) as made:
            progress("ready; the callers begin")
            began_s = asyncio.get_running_loop().time()
            until_s, over = began_s + seconds, asyncio.Event()
            asyncio.get_running_loop().call_at(until_s, over.set)
            troubles = Troubles(made, settings.redis.heartbeat_s)
            strain = Strain(made.orchestrators[0].part)
            async with asyncio.TaskGroup() as group:
                meanwhile = [
                    group.create_task(troubles.make(until_s)),
                    group.create_task(strain.keep()),
                    group.create_task(_tell(calls, troubles)),
                ]
                async with asyncio.TaskGroup() as calling:
                    for _ in range(callers):
                        calling.create_task(call(made.realtime_url, over, calls))
                    calling.create_task(health.keep(troubles, until_s))
                for task in meanwhile:
                    task.cancel()
            counted = await _counted(made.orchestrators[0].ops_url)
    return _report(measuring, turn_figures(calls.turns, began_s), troubles.done, health, strain, counted)


async def _tell(calls: Calls, troubles: Troubles) -> None:
    while True:
        await asyncio.sleep(_SAY_EVERY_S)
        lost = sum(turn.lost for turn in calls.turns if turn.status)
        progress(f"{len(calls.turns)} turns, {lost} lost, {troubles.done.total()} faults")


async def _counted(ops_url: str) -> dict[str, float]:
    """The fleet's counters, by name and labels."""
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        text = (await client.get(f"{ops_url}/metrics")).text
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith(_COUNTERS) and sample.name.endswith("_total"):
                labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
                found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def _report(
    measuring: Measuring,
    figures: dict[str, Any],
    faults: Counter[str],
    health: HealthLog,
    strain: Strain,
    counted: dict[str, float],
) -> dict[str, Any]:
    failovers = sum(value for name, value in counted.items() if name.startswith("voicechat_worker_failovers_total"))
    show_table("Faults", ("what", "times"), [(what, str(times)) for what, times in faults.items()])
    turns = figures["turns"]
    bars = (
        Bar("turns lost", turns["lost"], at_most=0),
        Bar("turns whose history was lost", turns["forgotten"], at_most=0),
        Bar("times that health was untrue", len(health.untrue), at_most=0),
        Bar("faults", faults.total(), at_least=1),
        Bar("turns", turns["completed"], at_least=1),
    )
    return measuring.report(
        bars,
        faults=dict(faults),
        failovers=failovers,
        health={"asked": health.asked, "settling": health.settling, "untrue": health.untrue[:_UNTRUE_SHOWN]},
        orchestrator=strain.as_json(),
        counters=counted,
        **figures,
    )
