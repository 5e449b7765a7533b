"""The command that watches a server by talking to it."""

from __future__ import annotations

from typing import Annotated

import typer

from voicechat.cli.common import FAILED, client_key, explained, settings_of

app = typer.Typer()

DEFAULT_URL = "http://127.0.0.1:8080"


@app.command()
@explained
def probe(
    url: Annotated[str, typer.Option(help="A running server, as callers reach it.")] = DEFAULT_URL,
    every: Annotated[float, typer.Option(min=5, help="From one call to the next, s.")] = 60.0,
    question: Annotated[str, typer.Option(help="What is asked.")] = "What is the capital of France?",
    timeout: Annotated[float, typer.Option(min=1, help="How long an answer may take, s.")] = 30.0,
    once: Annotated[bool, typer.Option("--once", help="Call once, print the result as JSON, and end.")] = False,
    metrics_host: Annotated[str, typer.Option(help="Address that metrics bind to.")] = "127.0.0.1",
    metrics_port: Annotated[int, typer.Option(min=0, max=65535, help="Metrics; 0 takes a free port.")] = 9096,
) -> None:
    """Ask a server a spoken question every minute, and show latency and correctness of the answers as metrics.

    VOICECHAT_API_KEY holds a key that may speak and converse. With --once, ends with 1 unless the call went well.
    """
    from voicechat.client.probe import Outcome, ProbeOptions
    from voicechat.client.probing import probe_for_ever, probe_once
    from voicechat.observability.logs import configure_logging

    settings = settings_of(None, None, {})
    options = ProbeOptions(url.rstrip("/"), client_key(), question, every, timeout)
    if once:
        if probe_once(options).outcome is not Outcome.OK:
            raise typer.Exit(FAILED)
        return
    configure_logging(settings.logging, "probe", secrets=[options.key] if options.key else [])
    probe_for_ever(options, metrics_host, metrics_port)
