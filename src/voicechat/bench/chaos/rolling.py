"""`voicechat bench rolling`: every worker and both orchestrators are restarted, one after another, under load."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from voicechat.bench.chaos.caller import Calls, call
from voicechat.bench.chaos.figures import turn_figures
from voicechat.bench.chaos.front import front
from voicechat.bench.chaos.parts import Installation, Part, installation, until_ready
from voicechat.bench.report import Bar, Measuring, progress
from voicechat.bench.statistics import summary_json
from voicechat.client.errors import one_error
from voicechat.models.store import ModelStore
from voicechat.settings import Settings

WORKERS, ORCHESTRATORS = 2, 2
SETTLED_S = 8.0
"""Undisturbed talk before the first restart, between two, and after the last."""


def run_rolling(settings: Settings, callers: int) -> dict[str, Any]:
    """The report. Raises `ModelError` or `BenchError`."""
    for model_id in (settings.tts.default_model, settings.asr.model):
        ModelStore(settings.models.directory).require(model_id)
    return asyncio.run(_run(settings, callers))


async def _run(settings: Settings, callers: int) -> dict[str, Any]:
    options = {"callers": callers, "workers": WORKERS, "orchestrators": ORCHESTRATORS}
    measuring = Measuring("rolling", options)
    calls = Calls()
    with tempfile.TemporaryDirectory(prefix="voicechat-rolling-") as name, one_error():
        directory = Path(name)
        async with (
            installation(settings, WORKERS, directory, ORCHESTRATORS) as made,
            front(made.orchestrators, directory) as url,
        ):
            progress("ready; the callers begin")
            clock = asyncio.get_running_loop().time
            began_s = clock()
            over = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                for _ in range(callers):
                    group.create_task(call(url, over, calls))
                restarts = await _restart_all(made)
                over.set()
    return _report(measuring, calls, restarts, began_s)


async def _restart_all(made: Installation) -> list[dict[str, Any]]:
    """Restart one part after another, each once the one before serves again; how long each took to end and to begin."""
    await asyncio.sleep(SETTLED_S)
    restarts = []
    for worker in made.workers:
        restarts.append(await _restart(worker))
        await made.until_registered(worker.name)
        await asyncio.sleep(SETTLED_S)
    for orchestrator in made.orchestrators:
        restarts.append(await _restart(orchestrator.part))
        await until_ready(orchestrator)
        await asyncio.sleep(SETTLED_S)
    return restarts


async def _restart(part: Part) -> dict[str, Any]:
    clock = asyncio.get_running_loop().time
    told_at = clock()
    part.send(signal.SIGTERM)
    await part.ended()
    took_s = clock() - told_at
    assert part.process is not None, "what ended had begun"
    progress(f"{part.name} ended {took_s:.1f} s after SIGTERM")
    restart = {"what": part.name, "ended_after_s": round(took_s, 1), "exit_code": part.process.returncode}
    await part.start()
    return restart


def _report(measuring: Measuring, calls: Calls, restarts: Sequence[dict[str, Any]], began_s: float) -> dict[str, Any]:
    figures = turn_figures(calls.turns, began_s)
    turns = figures["turns"]
    bars = (
        Bar("turns lost", turns["lost"], at_most=0),
        Bar("turns refused", turns["refused"], at_most=0),
        Bar("turns whose history was lost", turns["forgotten"], at_most=0),
        Bar("sessions that moved", len(calls.moves_ms), at_least=1),
        Bar("turns", turns["completed"], at_least=1),
        Bar("parts that did not end in good order", sum(each["exit_code"] != 0 for each in restarts), at_most=0),
    )
    moves = {"count": len(calls.moves_ms), "away_ms": summary_json(calls.moves_ms)}
    return measuring.report(bars, restarts=restarts, moves=moves, **figures)
