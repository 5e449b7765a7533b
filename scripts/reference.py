"""Writes docs/reference/ from the code; with --check, says which page no longer tells the truth.

python -m scripts.reference [--check] [settings|models|cli|metrics ...]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).parents[1] / "docs" / "reference"
_NOTICE = "<!-- Written by `make docs` from the code: change it there. -->\n"


def settings_page() -> str:
    """Every setting, section by section."""
    from voicechat.settings.keys import Key, all_keys

    def section(key: Key) -> str:
        return key.name.rpartition(".")[0]

    parts = [
        "# Settings\n",
        "Later overrides earlier: the default, the YAML file, the environment, the command line. An empty variable "
        "counts as unset. Where a setting answers to several variables, the first named wins. A secret may stand in a "
        "file: add `_FILE` to its variable.\n",
    ]
    for name, keys in groupby(all_keys().values(), section):
        rows = [_setting_row(key) for key in keys]
        parts += [
            f"## {name}\n" if name else "## General\n",
            _table(("Setting", "Default", "Allowed", "Variables", "Meaning"), rows),
        ]
    return "\n".join(parts)


def _setting_row(key: Any) -> tuple[str, ...]:
    variables = "<br>".join(f"`{name}`" for name in key.variables)
    legal = key.legal + (", secret" if key.secret else "")
    return f"`{key.name}`", _default(key.field), legal, variables, key.field.description


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "unset"
    if value in ("", [], {}):
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"


def models_page() -> str:
    """The catalogue, kind by kind."""
    from voicechat.models.catalogue import CATALOGUE, DEFAULT_MODELS
    from voicechat.models.entry import ModelEntry

    def kind(entry: ModelEntry) -> str:
        return entry.kind.value

    titles = {"voice": "Voices", "ears": "Ears", "mind": "Minds", "turn": "Ends of turns"}
    parts = [
        "# Models\n",
        "Fetch one with `voicechat models pull ID`. A digest marked *first pull* is not known beforehand: it is "
        "recorded when the files first come, and checked from then on. The default conversation uses "
        + ", ".join(f"`{model_id}`" for model_id in DEFAULT_MODELS)
        + ".\n",
    ]
    header = ("Id", "What it is", "Languages", "Size", "Licence", "Source", "Digest")
    for name, entries in groupby(CATALOGUE.values(), kind):
        parts += [f"## {titles[name]}\n", _table(header, [_model_row(entry) for entry in entries])]
    return "\n".join(parts)


def _model_row(entry: Any) -> tuple[str, ...]:
    size = f"{entry.size_bytes / 1e6:.0f} MB" if entry.size_bytes else "told by the source"
    licence = entry.licence.spdx + (f" ({entry.licence.note})" if entry.licence.note else "")
    digest = "in the catalogue" if entry.pinned else "first pull"
    return f"`{entry.id}`", entry.title, ", ".join(entry.languages), size, licence, _source(entry), digest


def _source(entry: Any) -> str:
    from voicechat.models.entry import HubSource, WheelSource

    match entry.files[0].source:
        case WheelSource(wheel):
            return f"package `{wheel.package}` {wheel.version}"
        case HubSource(repository, _, revision):
            return f"hub `{repository}` at `{revision}`"
        case other:
            return type(other).__name__


def cli_page() -> str:
    """Every command with its options."""
    import typer
    from typer.cli import get_docs_for_click

    from voicechat.cli import app

    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="voicechat", title="Command line")
    return text.strip() + "\n"


def metrics_page() -> str:
    """Every metric, process by process."""
    from scripts.metrics_reference import processes

    parts = [
        "# Metrics\n",
        "A histogram `x` is asked for as `x_bucket`, `x_sum` and `x_count`. `model` is a name of the "
        "[catalogue](models.md), or `custom`; no label names a session, a key or a container. Beside these, every "
        "process shows `process_*` (CPU seconds, memory, files). With `Accept: application/openmetrics-text`, the "
        "buckets of turns carry the id of a turn. [How to use them](../guides/observability.md).\n",
    ]
    for process, metrics in processes().items():
        rows = [
            (f"`{m.name}`", m.kind, ", ".join(f"`{label}`" for label in m.labels), f"{m.meaning}.") for m in metrics
        ]
        parts += [f"## {process}\n", _table(("Metric", "Kind", "Labels", "Meaning"), rows)]
    return "\n".join(parts)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


PAGES: dict[str, Callable[[], str]] = {
    "settings": settings_page,
    "models": models_page,
    "cli": cli_page,
    "metrics": metrics_page,
}


def main() -> int:
    """Writes the pages, or compares them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page is stale")
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=f"of {', '.join(PAGES)}; all where none is named")
    options = parser.parse_args()
    if unknown := set(options.pages) - set(PAGES):
        parser.error(f"no page is called {', '.join(sorted(unknown))}; there are {', '.join(PAGES)}")
    stale = [name for name in options.pages or PAGES if not _bring_up_to_date(name, write=not options.check)]
    if stale:
        print(f"stale: {', '.join(f'docs/reference/{name}.md' for name in stale)}; run: make docs", file=sys.stderr)
    return bool(stale)


def _bring_up_to_date(name: str, *, write: bool) -> bool:
    path = DIRECTORY / f"{name}.md"
    page = _NOTICE + PAGES[name]()
    if write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
        return True
    return path.exists() and path.read_text(encoding="utf-8") == page


if __name__ == "__main__":
    sys.exit(main())
