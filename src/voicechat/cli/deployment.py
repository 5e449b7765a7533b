"""Commands of an installation by Docker Compose, in whose directory they are given."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from voicechat.cli.common import explained

app = typer.Typer()


@app.command()
@explained
def init(
    domain: Annotated[str, typer.Argument(help="Name under which people find it.")] = "localhost",
    node_ip: Annotated[
        str | None, typer.Argument(help="Address under which callers reach it.  [default: this machine's own]")
    ] = None,
) -> None:
    """Write .env.prod and random secrets for an installation by Docker Compose; what exists stays."""
    from voicechat.deployment.host import this_host
    from voicechat.deployment.init import initialise

    for done in initialise(Path.cwd(), this_host(), domain, node_ip):
        typer.echo(done)


@app.command()
@explained
def backup(
    metrics: Annotated[bool, typer.Option("--metrics", help="With what Prometheus has recorded.")] = False,
    keep_days: Annotated[int, typer.Option(min=1, help="Remove older backups.")] = 14,
) -> None:
    """Save configuration, secrets, API keys, certificates and dashboards of an installation in one archive."""
    from voicechat.deployment.backup import back_up, forget_old
    from voicechat.deployment.engine import engine_of

    directory, now = Path.cwd(), datetime.now(UTC)
    with engine_of(os.environ) as engine:
        archive = back_up(directory, engine, now, metrics=metrics)
    forget_old(directory, now, keep_days)
    typer.echo(archive.relative_to(directory))


@app.command()
@explained
def restore(archive: Annotated[Path, typer.Argument(help="A file of backups/.")]) -> None:
    """Put a backup back into this directory and its volumes, which must not be in use."""
    from voicechat.deployment.engine import engine_of
    from voicechat.deployment.restore import restore as put_back

    with engine_of(os.environ) as engine:
        models = put_back(archive, Path.cwd(), engine)
    typer.echo(f"restored; models that were there: {', '.join(models) or 'none'}")
