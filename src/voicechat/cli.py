"""The command line: one function a command; everything heavy is imported when its command runs."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@app.callback()
def main_options() -> None:
    """A self-hosted voice assistant you can interrupt."""


def main() -> None:
    """Entry point of the `voicechat` program."""
    app()
