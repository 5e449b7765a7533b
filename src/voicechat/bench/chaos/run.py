"""`voicechat bench chaos`: callers on a fleet whose workers are killed, stopped and restarted, and its Redis too."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from voicechat.bench.chaos.caller import GAP_S, LOST_AFTER_S, Turn, call
from voicechat.bench.chaos.faults import HealthLog, Troubles
from voicechat.bench.chaos.parts import installation
from voicechat.bench.report import Bar, Measuring, progress, show_table
from voicechat.bench.statistics import summary_json
from voicechat.client.errors import one_error
from voicechat.models.store import ModelStore
from voicechat.settings import Settings

WORKERS = 3
_COUNTERS = ("worker_", "voicechat_worker_", "synthesis_")
_WRONG_SHOWN = 20
_SAY_EVERY_S = 30.0


def run_chaos(settings: Settings, callers: int, seconds: float) -> dict[str, Any]:
    """The report. Raises `ModelError` or `BenchError`."""
    for model_id in (settings.tts.default_model, settings.asr.model):
        ModelStore(settings.models.directory).require(model_id)
    return asyncio.run(_run(settings, callers, seconds))


async def _run(settings: Settings, callers: int, seconds: float) -> dict[str, Any]:
    measuring = Measuring("chaos", {"callers": callers, "seconds": seconds, "workers": WORKERS})
    turns: list[Turn] = []
    health = HealthLog()
    with tempfile.TemporaryDirectory(prefix="voicechat-chaos-") as directory, one_error():
        async with installation(settings, WORKERS, Path(directory)) as made:
            progress("ready; the callers begin")
            began = asyncio.get_running_loop().time()
            until_s = began + seconds
            troubles = Troubles(made, settings.redis.heartbeat_s)
            async with asyncio.TaskGroup() as group:
                making = group.create_task(troubles.make(until_s))
                telling = group.create_task(_tell(turns, troubles, seconds))
                async with asyncio.TaskGroup() as calling:
                    for _ in range(callers):
                        calling.create_task(call(made.realtime_url, until_s, turns))
                    calling.create_task(health.keep(troubles, until_s))
                making.cancel()
                telling.cancel()
            counted = await _counted(made.ops_url)
    return _report(measuring, turns, troubles.done, health, counted, began)


async def _tell(turns: Sequence[Turn], troubles: Troubles, seconds: float) -> None:
    for _ in range(int(seconds / _SAY_EVERY_S)):
        await asyncio.sleep(_SAY_EVERY_S)
        lost = sum(turn.lost for turn in turns if turn.status)
        progress(f"{len(turns)} turns, {lost} lost, {troubles.done.total()} faults")


async def _counted(ops_url: str) -> dict[str, float]:
    """The fleet's counters, by name and labels."""
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        text = (await client.get(f"{ops_url}/metrics")).text
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith(("worker_", "voicechat_worker_", "synthesis_")) and sample.name.endswith(
                "_total"
            ):
                labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
                found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def _report(
    measuring: Measuring,
    turns: Sequence[Turn],
    faults: Counter[str],
    health: HealthLog,
    counted: dict[str, float],
    began: float,
) -> dict[str, Any]:
    lost = [turn for turn in turns if turn.lost]
    gaps = [gap for turn in turns for gap in turn.gaps_ms]
    waits = [1000 * (turn.first_audio_at - turn.asked_at) for turn in turns if turn.first_audio_at is not None]
    failovers = sum(value for name, value in counted.items() if name.startswith("voicechat_worker_failovers_total"))
    show_table("Faults", ("what", "times"), [(what, str(times)) for what, times in faults.items()])
    bars = (
        Bar("turns lost", len(lost), at_most=0),
        Bar("times that health was untrue", len(health.untrue), at_most=0),
        Bar("faults", faults.total(), at_least=1),
        Bar("turns", len(turns), at_least=1),
    )
    return measuring.report(
        bars,
        lost_after_s=LOST_AFTER_S,
        turns={
            "taken": len(turns),
            "completed": sum(turn.status == "completed" for turn in turns),
            "refused": sum(turn.refused for turn in turns),
            "lost": len(lost),
            "audio_s": summary_json([turn.audio_s for turn in turns if turn.status == "completed"], 2),
            "first_audio_ms": summary_json(waits),
        },
        faults=dict(faults),
        failovers=failovers,
        gaps={
            "counted_above_ms": 1000 * GAP_S,
            "replies_with_any": sum(bool(turn.gaps_ms) for turn in turns),
            "ms": summary_json(gaps),
        },
        health={"asked": health.asked, "settling": health.settling, "untrue": health.untrue[:_WRONG_SHOWN]},
        counters=counted,
        wrong=[turn.as_json(began) for turn in lost[:_WRONG_SHOWN]],
    )
