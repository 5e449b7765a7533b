"""`voicechat models`: what is in the model cache."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voicechat.cli.common import FAILED, explained, settings_of

app = typer.Typer(no_args_is_help=True, help="Voices, ears and minds on this machine.")


@app.command("list")
@explained
def models_list(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show every known model, its licence and whether it is here."""
    from voicechat.launch.models import show_models

    show_models(_models_directory(), as_json=as_json)


@app.command("pull")
@explained
def models_pull(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", show_default=False)] = None,
    default: Annotated[bool, typer.Option("--default", help="The models of a conversation without keys.")] = False,
) -> None:
    """Fetch models, resuming what was cut off, and check their digests."""
    from voicechat.launch.models import default_models, pull_models

    wanted = [*(default_models() if default else ()), *(ids or ())]
    if not wanted:
        raise typer.BadParameter("name models, as `voicechat models list` shows them, or give --default")
    pull_models(_models_directory(), wanted)


@app.command("verify")
@explained
def models_verify(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", show_default=False)] = None,
) -> None:
    """Check size and digest of the named models, or of all that are here."""
    from voicechat.launch.models import verify_models

    if not verify_models(_models_directory(), ids or []):
        raise typer.Exit(FAILED)


def _models_directory() -> Path | None:
    return settings_of(None, None, {}).models.directory
