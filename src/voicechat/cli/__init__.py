"""The command line: one function a command; everything heavy is imported when its command runs."""

from __future__ import annotations

from typing import Annotated

import typer

from voicechat.cli import bench, deployment, doctor, keys, models, probe, serve, speak

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A self-hosted voice assistant you can interrupt.",
)
for commands in (serve.app, speak.app, probe.app, doctor.app, deployment.app):
    app.add_typer(commands)
for group, commands in {"models": models.app, "keys": keys.app, "bench": bench.app}.items():
    app.add_typer(commands, name=group)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("voicechat"))
        raise typer.Exit


@app.callback()
def main_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """A self-hosted voice assistant you can interrupt."""


def main() -> None:
    """Entry point of the `voicechat` program."""
    app()
