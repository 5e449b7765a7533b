"""Commands that talk to a server that runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from voicechat.cli.common import FAILED, NOTHING_HEARD, Config, Overrides, client_key, explained, settings_of

app = typer.Typer()

DEFAULT_URL = "http://127.0.0.1:8080"


@app.command()
@explained
def talk(
    url: Annotated[str, typer.Option(help="A running server, as callers reach it.")] = DEFAULT_URL,
    input_file: Annotated[
        Path | None,
        typer.Option("--input", help="A recording to say; without it, the sound card is used.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="WAV file for what is heard.", show_default=False)
    ] = None,
    turns: Annotated[
        bool, typer.Option("--turns", help="Say the recording's utterances one by one, each after the reply before it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print turns and latencies as JSON at the end.")] = False,
    timeout: Annotated[float, typer.Option(min=1, help="How long a reply may take to end, s.")] = 60.0,
) -> None:
    """Talk to a running server, by voice or with a recording.

    Ends with 0 when every turn was answered, 1 on failures, 2 when the recording cannot be used, 3 when no speech was
    recognised in it.
    """
    from voicechat.client.terminal import talk_aloud_here, talk_with_recording

    if input_file is None:
        if output or turns or as_json:
            raise typer.BadParameter("--output, --turns and --json need --input FILE")
        talk_aloud_here(url, client_key())
        return
    from voicechat.client.talk import TalkOptions

    options = TalkOptions(url, output, timeout, client_key())
    report = talk_with_recording(options, input_file, one_at_a_time=turns, as_json=as_json)
    if report.errors:
        raise typer.Exit(FAILED)
    if not any(turn.user for turn in report.turns):
        raise typer.Exit(NOTHING_HEARD)


@app.command()
@explained
def say(
    text: Annotated[str, typer.Argument(help="What to say; - reads it from stdin.")],
    output: Annotated[Path, typer.Option("--output", help="The WAV file to write.")],
    voice: Annotated[str, typer.Option(metavar="ID", help="The voice.", show_default=False)] = "",
    url: Annotated[
        str | None,
        typer.Option(
            help=f"A running server.  [default: {DEFAULT_URL}, or a worker for the moment]", show_default=False
        ),
    ] = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Speak text into a WAV file, through a running server or with a worker of its own."""
    from voicechat.launch.say import run_say

    words = sys.stdin.read() if text == "-" else text
    if not words.strip():
        raise typer.BadParameter("there is nothing to say: give some text")
    seconds = run_say(settings_of(config, overrides, {}), words, voice, output, url)
    typer.echo(f"{output}: {seconds:.1f} s")
