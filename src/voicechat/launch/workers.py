"""`voicechat workers`: who is in the fleet, how busy, and with which voices."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from contextlib import nullcontext

from rich.console import Console
from rich.live import Live
from rich.table import Table

from voicechat.fleet.channels import WorkerLink
from voicechat.fleet.port import VoiceError
from voicechat.fleet.record import WorkerRecord
from voicechat.fleet.registry import Registry, RegistryError, open_registry
from voicechat.fleet.status import ask_status
from voicechat.settings import Settings

REFRESH_S = 1.0


def show_workers(settings: Settings, *, watch: bool, as_json: bool) -> None:
    """Print the fleet once, or every second until interrupted. Raises `RegistryError` or `VoiceError` the first time.

    The registry tells of it where one is configured; else the worker at `tts.worker_address` is asked.
    """
    asyncio.run(_show(settings, watch=watch, as_json=as_json))


async def _show(settings: Settings, *, watch: bool, as_json: bool) -> None:
    registry = open_registry(settings.redis)
    try:
        workers = await known_workers(settings, registry)
        if watch:
            await _watch(settings, registry, workers, as_json=as_json)
        elif as_json:
            _print_json(workers)
        else:
            Console().print(fleet_table(workers))
    finally:
        if registry is not None:
            await registry.aclose()


async def _watch(
    settings: Settings, registry: Registry | None, workers: Sequence[WorkerRecord], *, as_json: bool
) -> None:
    """Show the fleet again and again; while it cannot be asked, the last known, and why."""
    with Live(auto_refresh=False) if not as_json else nullcontext() as live:
        while True:
            problem = ""
            try:
                workers = await known_workers(settings, registry)
            except (RegistryError, VoiceError) as error:
                problem = str(error)
            if live is not None:
                live.update(fleet_table(workers, problem), refresh=True)
            elif not problem:
                _print_json(workers)
            await asyncio.sleep(REFRESH_S)


async def known_workers(settings: Settings, registry: Registry | None) -> Sequence[WorkerRecord]:
    """The fleet by name. Raises `RegistryError`, or `VoiceError` when the one worker there is does not answer."""
    if registry is None:
        return [await _ask(settings)]
    return sorted((await registry.snapshot()).workers, key=lambda worker: worker.name)


async def _ask(settings: Settings) -> WorkerRecord:
    """What the worker that the settings name says of itself. Raises `VoiceError`."""
    link = WorkerLink(settings.tts.worker_address, settings.grpc)
    try:
        return await ask_status(link, settings.tts.connect_timeout_s)
    finally:
        await link.aclose()


def fleet_table(workers: Iterable[WorkerRecord], problem: str = "") -> Table:
    """The fleet as a table; models in memory are bold."""
    table = Table(box=None, pad_edge=False, caption=problem or None, caption_style="red", caption_justify="left")
    for heading in ("worker", "address", "engine", "state", "replies", "models", "version"):
        table.add_column(heading, justify="right" if heading == "replies" else "left", overflow="fold")
    rows = list(workers)
    for worker in rows:
        table.add_row(
            worker.name,
            worker.address,
            worker.engine,
            _state(worker),
            f"{worker.active}/{worker.capacity}",
            ", ".join(f"[bold]{model.id}[/]" if model.resident else model.id for model in worker.models),
            worker.version,
        )
    if not rows:
        table.add_row("[dim]none has registered itself: start one with voicechat worker[/]")
    return table


def _state(worker: WorkerRecord) -> str:
    if worker.draining:
        return "[yellow]draining[/]"
    if worker.active >= worker.capacity:
        return "[red]full[/]"
    return "[green]speaking[/]" if worker.active else "[green]idle[/]"


def _print_json(workers: Iterable[WorkerRecord]) -> None:
    print(json.dumps([worker.model_dump(mode="json", exclude={"instance"}) for worker in workers]), flush=True)
