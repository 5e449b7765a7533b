"""The models commands, as the terminal shows them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from voicechat.models.catalogue import DEFAULT_MODELS
from voicechat.models.progress import Progress as PullProgress
from voicechat.models.store import ModelError, ModelState, ModelStatus, ModelStore

STYLES = {ModelState.INSTALLED: "green", ModelState.PARTIAL: "yellow", ModelState.MISSING: "dim"}


def default_models() -> tuple[str, ...]:
    """The models of a conversation without keys or network."""
    return DEFAULT_MODELS


def show_models(directory: Path | None, *, as_json: bool) -> None:
    """Print every known model."""
    store = ModelStore(directory)
    statuses = store.statuses()
    if as_json:
        print(json.dumps([_as_json(status) for status in statuses]))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "part", "languages", "size", "licence", "state"):
        table.add_column(heading, justify="right" if heading == "size" else "left", overflow="fold")
    for status in statuses:
        entry = status.entry
        state = f"[{STYLES[status.state]}]{status.state.value}[/]"
        languages = ", ".join(entry.languages)
        table.add_row(entry.id, entry.kind.value, languages, _size(entry.size_bytes), entry.licence.spdx, state)
    console = Console()
    console.print(table)
    console.print(f"\n{store.directory}", style="dim", soft_wrap=True)


def pull_models(directory: Path | None, ids: Sequence[str]) -> None:
    """Fetch models with a progress bar each. Raises `ModelError`."""
    store = ModelStore(directory)
    for model_id in ids:
        store.entry(model_id)
    console = Console()
    for model_id in dict.fromkeys(ids):
        with _progress_bar(console) as bar:
            store.pull(model_id, _Shown(bar, model_id).show)
        console.print(f"[green]✓[/] {model_id}", highlight=False)


def verify_models(directory: Path | None, ids: Sequence[str]) -> bool:
    """Check models, printing a line each; whether all are sound."""
    store = ModelStore(directory)
    console = Console()
    chosen = ids or [status.entry.id for status in store.statuses() if status.state is not ModelState.MISSING]
    if not chosen:
        console.print("no models are here; fetch some with: voicechat models pull --default")
    return all([_verify(store, model_id, console) for model_id in chosen])


def _verify(store: ModelStore, model_id: str, console: Console) -> bool:
    try:
        store.verify(model_id)
    except ModelError as error:
        console.print(f"[red]✗[/] {model_id}: {error}", highlight=False, soft_wrap=True)
        return False
    console.print(f"[green]✓[/] {model_id}", highlight=False)
    return True


class _Shown:
    """The progress of one pull, as a bar for each file."""

    def __init__(self, bar: Progress, model_id: str) -> None:
        self._bar = bar
        self._model_id = model_id
        self._tasks: dict[str, TaskID] = {}

    def show(self, report: PullProgress) -> None:
        """Take the next report."""
        label = f"{self._model_id} {report.phase.value}"
        if report.name not in self._tasks:
            self._tasks[report.name] = self._bar.add_task(label, total=None)
        self._bar.update(
            self._tasks[report.name],
            description=f"{label} {report.name}".rstrip(),
            completed=report.done_bytes,
            total=report.total_bytes,
        )


def _progress_bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _size(size_bytes: int | None) -> str:
    return "?" if size_bytes is None else f"{size_bytes / 1e6:.0f} MB"


def _as_json(status: ModelStatus) -> dict[str, object]:
    entry = status.entry
    return {
        "id": entry.id,
        "kind": entry.kind.value,
        "languages": list(entry.languages),
        "size_bytes": entry.size_bytes,
        "licence": entry.licence.spdx,
        "state": status.state.value,
        "path": str(status.path),
    }
