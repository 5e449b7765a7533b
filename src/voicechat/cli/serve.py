"""Commands that run the product, and look at what runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from voicechat.cli.common import Config, Insecure, Overrides, explained, settings_of

app = typer.Typer()


class Mind(StrEnum):
    """Values of --mind; those of the setting llm.mind."""

    AUTO = "auto"
    OPENAI = "openai"
    LOCAL = "local"
    EMBEDDED = "embedded"


@app.command()
@explained
def up(
    port: Annotated[int | None, typer.Option(help="API, Realtime WebSocket and page.  [default: 8080]")] = None,
    ops_port: Annotated[int | None, typer.Option(help="Health and metrics.  [default: 8081]")] = None,
    mind: Annotated[Mind | None, typer.Option(help="Which language model answers.  [default: auto]")] = None,
    voice: Annotated[str | None, typer.Option(metavar="ID", help="The voice that speaks.", show_default=False)] = None,
    lan: Annotated[
        bool, typer.Option("--lan", help="Serve phones and tablets of this network too: TLS, and a QR code to pair.")
    ] = False,
    pull: Annotated[bool, typer.Option("--pull", help="Fetch missing models first.")] = False,
    insecure: Insecure = False,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Run everything on this machine: voice, ears, mind and the page. Ctrl-C ends it."""
    from voicechat.launch.up import run_up

    settings = settings_of(
        config,
        overrides,
        {
            "server.port": port,
            "server.health_check_port": ops_port,
            "llm.mind": mind and mind.value,
            "tts.default_model": voice,
            "access.insecure": insecure or None,
        },
    )
    raise typer.Exit(run_up(settings, pull=pull, lan=lan))


@app.command()
@explained
def orchestrator(
    port: Annotated[int | None, typer.Option(help="API, Realtime WebSocket and page.  [default: 8080]")] = None,
    ops_port: Annotated[int | None, typer.Option(help="Health and metrics.  [default: 8081]")] = None,
    insecure: Insecure = False,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Run the orchestrator alone; the worker at tts.worker_address speaks for it."""
    from voicechat.launch.alone import run_orchestrator

    settings = settings_of(
        config,
        overrides,
        {"server.port": port, "server.health_check_port": ops_port, "access.insecure": insecure or None},
    )
    raise typer.Exit(run_orchestrator(settings))


@app.command()
@explained
def worker(
    port: Annotated[int | None, typer.Option(help="gRPC.  [default: 7001]")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Metrics.  [default: 9090]")] = None,
    insecure: Insecure = False,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Run a speech synthesis worker alone."""
    from voicechat.launch.alone import run_worker

    given = {"worker.port": port, "worker.metrics_port": metrics_port, "access.insecure": insecure or None}
    run_worker(settings_of(config, overrides, given))


@app.command()
@explained
def workers(
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew every second, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; with --watch, a line a second.")] = False,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """List the speech synthesis workers: where they are, how busy, and which voices they hold in memory."""
    from voicechat.launch.workers import show_workers

    show_workers(settings_of(config, overrides, {}), watch=watch, as_json=as_json)


@app.command()
@explained
def top(
    url: Annotated[str | None, typer.Option(help="Ops address.  [default: this machine's, port 8081]")] = None,
    once: Annotated[bool, typer.Option("--once", help="Print it once, for scripts.")] = False,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Watch sessions, latencies, errors and the fleet of a running orchestrator. Ctrl-C ends it."""
    from voicechat.launch.top import show_top

    settings = settings_of(config, overrides, {})
    show_top(url or f"http://127.0.0.1:{settings.server.health_check_port}", once=once)
