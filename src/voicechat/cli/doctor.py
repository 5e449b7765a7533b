"""The command that looks for what is wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicechat.cli.common import FAILED, Config, Overrides, explained, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicechat.launch.doctor import Finding

app = typer.Typer()


@app.command()
@explained
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    deployment: Annotated[
        bool, typer.Option("--deployment", help="Check the installation by Docker Compose in this directory instead.")
    ] = False,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Check models, ports, devices and versions, and say how to mend each. Ends with 1 when something is broken."""
    from voicechat.launch.doctor import examine, tell

    found = _deployment() if deployment else examine(settings_of(config, overrides, {}))
    if not tell(found, as_json=as_json):
        raise typer.Exit(FAILED)


def _deployment() -> Iterator[Finding]:
    from voicechat.deployment.check import check_deployment
    from voicechat.deployment.engine import engine_of
    from voicechat.deployment.host import this_host

    return check_deployment(Path.cwd(), this_host(), engine_of(os.environ))
