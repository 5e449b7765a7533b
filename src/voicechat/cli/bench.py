"""`voicechat bench`: measurements of this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from voicechat.cli.common import Config, Overrides, explained, names, settings_of

app = typer.Typer(no_args_is_help=True, help="Measure this machine, with real processes.")

Report = Annotated[
    Path | None,
    typer.Option("--output", help="JSON file for the report; without it, standard output.", show_default=False),
]

Peers = Annotated[
    str,
    typer.Option(
        metavar="NAME[,NAME...]",
        help="Other systems measured beside: all, piper-api, piper-http, wyoming-piper, streaming-vits; "
        "benchmarks/peers/setup installs them.",
        show_default=False,
    ),
]

Voices = Annotated[
    str, typer.Option(metavar="NAME[,NAME...]", help="Who calls: human (Debian's recorded prompts), synthetic.")
]

Noise = Annotated[
    str, typer.Option(metavar="DB[,DB...]", help="Speech over pink noise, one stage for each: clean, 20, 10, 5.")
]

BenchUrl = Annotated[
    str | None,
    typer.Option(
        "--url", help="A running server's Realtime WebSocket; without it, one is started.", show_default=False
    ),
]

CallPeers = Annotated[
    str,
    typer.Option(
        "--peers",
        metavar="NAME[,NAME...]",
        help="Other assistants called in the same run: all, pipecat; benchmarks/peers/setup installs them.",
        show_default=False,
    ),
]

Transports = Annotated[
    str,
    typer.Option(
        "--transport",
        metavar="NAME[,NAME...]",
        help="How the product is called: websocket, livekit; scripts/livekit-server builds the server for rooms.",
    ),
]


@app.command("ttfa")
@explained
def bench_ttfa(
    repeats: Annotated[int, typer.Option(min=1, help="Times that each sentence is spoken.")] = 20,
    peers: Peers = "",
    output: Report = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """First audio: from text sent to 20 ms of speech at a client that plays it without a gap."""
    from voicechat.bench.report import write_report
    from voicechat.bench.ttfa import run_ttfa

    write_report(run_ttfa(settings_of(config, overrides, {}), repeats, names(peers)), output)


@app.command("tts-load")
@explained
def bench_tts_load(
    clients: Annotated[int, typer.Option(min=1, help="The most clients at once; with --mixed, all of them.")] = 12,
    seconds: Annotated[float, typer.Option(min=1, help="Length of each stage; with --mixed, of the run.")] = 30.0,
    mixed: Annotated[
        bool, typer.Option("--mixed", help="Clients who pause, stop, hang up and make files, on all cores.")
    ] = False,
    pin: Annotated[bool, typer.Option(help="Bind the worker to one core and the clients to another.")] = True,
    peers: Peers = "",
    output: Report = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Listeners at once: ever more clients play replies back to back in real time, until some wait or hear gaps."""
    from voicechat.bench.report import write_report

    settings = settings_of(config, overrides, {})
    if mixed:
        from voicechat.bench.mixed import run_mixed

        write_report(run_mixed(settings, clients, seconds), output)
        return
    from voicechat.bench.load import LoadOptions, run_load

    write_report(run_load(settings, LoadOptions(clients, seconds, names(peers), pin)), output)


@app.command("tts-fidelity")
@explained
def bench_tts_fidelity(
    sentences: Annotated[int, typer.Option(min=1, help="Sentences compared, of 1 to 60 words.")] = 200,
    output: Report = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Streamed audio against the voice's uncut graph on the same noise."""
    from voicechat.bench.fidelity import run_fidelity
    from voicechat.bench.report import write_report

    write_report(run_fidelity(settings_of(config, overrides, {}), sentences), output)


@app.command("tts-words")
@explained
def bench_tts_words(
    pauses: Annotated[int, typer.Option(min=1, help="Pauses put into sentences.")] = 100,
    output: Report = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Word times against the sound: each word behind an inserted pause."""
    from voicechat.bench.report import write_report
    from voicechat.bench.word_times import run_word_times

    write_report(run_word_times(settings_of(config, overrides, {}), pauses), output)


@app.command("conversation")
@explained
def bench_conversation(
    callers: Annotated[str, typer.Option(metavar="N[,N...]", help="Callers at once, one stage for each.")] = "1,4",
    turns: Annotated[int, typer.Option(min=1, help="Things that each caller says in a stage.")] = 12,
    voices: Voices = "human,synthetic",
    noise: Noise = "clean",
    idle: Annotated[int, typer.Option(min=0, help="Callers who only listen, beside the most callers.")] = 0,
    transport: Transports = "websocket",
    url: BenchUrl = None,
    peers: CallPeers = "",
    output: Report = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Conversations in real time: from the end of the caller's speech to the transcript and to the reply as heard."""
    from voicechat.bench.calls.conversation import run_conversation
    from voicechat.bench.calls.options import CallOptions, levels, numbers, speakers, transports
    from voicechat.bench.report import write_report

    ways = transports(transport)
    options = CallOptions(numbers(callers), turns, speakers(voices), levels(noise), idle, names(peers), url, ways)
    write_report(run_conversation(settings_of(config, overrides, {}), options), output)


@app.command("barge-in")
@explained
def bench_barge_in(
    callers: Annotated[str, typer.Option(metavar="N[,N...]", help="Callers at once, one stage for each.")] = "1,4",
    turns: Annotated[int, typer.Option(min=1, help="Replies that each caller interrupts in a stage.")] = 12,
    voices: Voices = "human,synthetic",
    noise: Noise = "clean",
    transport: Transports = "websocket",
    url: BenchUrl = None,
    peers: CallPeers = "",
    output: Report = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Interruptions in real time: from the onset of the caller's speech to the reply ducked and silent, as heard."""
    from voicechat.bench.calls.barge_in import run_barge_in
    from voicechat.bench.calls.options import CallOptions, levels, numbers, speakers, transports
    from voicechat.bench.report import write_report

    ways = transports(transport)
    options = CallOptions(
        numbers(callers), turns, speakers(voices), levels(noise), peers=names(peers), url=url, transports=ways
    )
    write_report(run_barge_in(settings_of(config, overrides, {}), options), output)


@app.command("disturbance")
@explained
def bench_disturbance(output: Report = None, config: Config = None, overrides: Overrides = None) -> None:
    """Coughs, knocks, music and its own echo over a reply: it goes on, whole, and takes nobody's turn."""
    from voicechat.bench.calls.disturbance import run_disturbance
    from voicechat.bench.report import write_report

    write_report(run_disturbance(settings_of(config, overrides, {})), output)


@app.command("endpointing")
@explained
def bench_endpointing(output: Report = None, config: Config = None, overrides: Overrides = None) -> None:
    """Ends of turns: who is cut off in a pause, and who waits how long, by silence alone and by models that listen."""
    from voicechat.bench.endpointing.run import run_endpointing
    from voicechat.bench.report import write_report

    write_report(run_endpointing(settings_of(config, overrides, {})), output)


@app.command("ears")
@explained
def bench_ears(
    parts: Annotated[
        str,
        typer.Option(
            metavar="NAME[,NAME...]", help="clean, telephone, long, nothing, and ratios of speech to pink noise in dB."
        ),
    ] = "clean,telephone,10,5,long,nothing",
    sample: Annotated[int | None, typer.Option(min=1, help="So many prompts, drawn at random; else all.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 1,
    timed: Annotated[int, typer.Option(min=0, help="Utterances heard in real time.")] = 30,
    processes: Annotated[
        int | None, typer.Option(min=1, help="That listen for words, of one thread each; one per core if not given.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="End after so long; the same command goes on.")] = 3600.0,
    rows: Annotated[Path, typer.Option(help="Keeps the results until all are there.")] = Path("ears-rows.jsonl"),
    output: Report = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """The quick ears against faster-whisper's own transcription: the words of a person, and how soon they are there."""
    from voicechat.bench.ears import EarsOptions, run_ears
    from voicechat.bench.ears_cases import Selection
    from voicechat.bench.report import write_report

    settings = settings_of(config, overrides, {})
    endpoint_s = settings.conversation.finished_ms / 1000
    chosen = Selection(names(parts), sample, seed, timed, endpoint_s)
    write_report(run_ears(settings, EarsOptions(chosen, processes or os.cpu_count() or 1, seconds, rows)), output)


@app.command("fleet")
@explained
def bench_fleet(
    workers: Annotated[int, typer.Option(min=1, help="Worker processes at most, of one thread each.")] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="Length of each stage.")] = 20.0,
    output: Report = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Speech that 1, 2, 3... worker processes make, and what choosing one of a hundred costs."""
    from voicechat.bench.fleet import run_fleet
    from voicechat.bench.report import write_report

    write_report(run_fleet(settings_of(config, overrides, {}), workers, seconds), output)


@app.command("chaos")
@explained
def bench_chaos(
    callers: Annotated[int, typer.Option(min=1, help="Callers at once, who ask by text and listen.")] = 8,
    seconds: Annotated[float, typer.Option(min=10, help="Length of the run.")] = 300.0,
    output: Report = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Three workers that are killed, stopped and restarted, and Redis too, while callers talk: no turn may be lost."""
    from voicechat.bench.chaos.run import run_chaos
    from voicechat.bench.report import write_report

    write_report(run_chaos(settings_of(config, overrides, {}), callers, seconds), output)


@app.command("rolling")
@explained
def bench_rolling(
    callers: Annotated[int, typer.Option(min=1, help="Callers at once, who ask by text and listen.")] = 6,
    output: Report = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """A rolling restart of two workers and of two orchestrators behind one address, while callers talk."""
    from voicechat.bench.chaos.rolling import run_rolling
    from voicechat.bench.report import write_report

    write_report(run_rolling(settings_of(config, overrides, {}), callers), output)
