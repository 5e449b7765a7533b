"""The command line: one function a command; everything heavy is imported when its command runs."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, ParamSpec, TypeVar

import typer

if TYPE_CHECKING:
    from voicechat.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

OK, FAILED, MISUSED, NOTHING_HEARD = 0, 1, 2, 3
DEFAULT_URL = "http://127.0.0.1:8080"
DEFAULT_REALTIME_URL = "ws://127.0.0.1:8080/v1/realtime"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A self-hosted voice assistant you can interrupt.",
)
models_app = typer.Typer(no_args_is_help=True, help="Voices, ears and minds on this machine.")
app.add_typer(models_app, name="models")
keys_app = typer.Typer(no_args_is_help=True, help="API keys: who may come in, and for what.")
app.add_typer(keys_app, name="keys")
bench_app = typer.Typer(no_args_is_help=True, help="Measure this machine, with real processes.")
app.add_typer(bench_app, name="bench")


class Scope(StrEnum):
    """Values of --scope; those of a key."""

    SPEAK = "speak"
    LISTEN = "listen"
    CONVERSE = "converse"
    ADMIN = "admin"


class Mind(StrEnum):
    """Values of --mind; those of the setting llm.mind."""

    AUTO = "auto"
    OPENAI = "openai"
    LOCAL = "local"
    EMBEDDED = "embedded"


Config = Annotated[Path | None, typer.Option("--config", help="YAML file with settings.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="SECTION.KEY=VALUE", help="Override one setting; may be repeated.", show_default=False
    ),
]

Insecure = Annotated[
    bool, typer.Option("--insecure", help="Let everybody in who reaches a public address, without keys or secrets.")
]
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


def explained(command: Callable[P, R]) -> Callable[P, R]:
    """A command whose failures are one sentence on stderr; LOG_LEVEL=DEBUG shows where they came from."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except Exception as error:
            if os.environ.get("LOG_LEVEL", "").upper() == "DEBUG":
                raise
            _give_up(error)

    return run


def _give_up(error: Exception) -> NoReturn:
    from voicechat.audio.wav import AudioError
    from voicechat.settings import SettingsError

    ours = type(error).__module__.startswith("voicechat.")
    text = str(error) if ours else f"unexpected {type(error).__name__}: {error} (LOG_LEVEL=DEBUG shows where)"
    typer.echo(f"voicechat: {text}", err=True)
    raise typer.Exit(MISUSED if isinstance(error, SettingsError | AudioError) else FAILED)


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


@app.command()
@explained
def up(
    port: Annotated[int | None, typer.Option(help="API, Realtime WebSocket and page.  [default: 8080]")] = None,
    ops_port: Annotated[int | None, typer.Option(help="Health and metrics.  [default: 8081]")] = None,
    mind: Annotated[Mind | None, typer.Option(help="Which language model answers.  [default: auto]")] = None,
    voice: Annotated[str | None, typer.Option(metavar="ID", help="The voice that speaks.", show_default=False)] = None,
    pull: Annotated[bool, typer.Option("--pull", help="Fetch missing models first.")] = False,
    insecure: Insecure = False,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Run everything on this machine: voice, ears, mind and the page. Ctrl-C ends it."""
    from voicechat.launch.up import run_up

    settings = _settings(
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
    raise typer.Exit(run_up(settings, pull=pull))


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

    settings = _settings(
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
    run_worker(_settings(config, overrides, given))


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

    show_workers(_settings(config, overrides, {}), watch=watch, as_json=as_json)


@app.command()
@explained
def talk(
    url: Annotated[str, typer.Option(help="The Realtime WebSocket of a running server.")] = DEFAULT_REALTIME_URL,
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
        talk_aloud_here(url, _client_key())
        return
    from voicechat.client.talk import TalkOptions

    report = talk_with_recording(TalkOptions(url, input_file, output, turns, timeout, _client_key()), as_json=as_json)
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
    seconds = run_say(_settings(config, overrides, {}), words, voice, output, url)
    typer.echo(f"{output}: {seconds:.1f} s")


@models_app.command("list")
@explained
def models_list(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show every known model, its licence and whether it is here."""
    from voicechat.launch.models import show_models

    show_models(_models_directory(), as_json=as_json)


@models_app.command("pull")
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


@models_app.command("verify")
@explained
def models_verify(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", show_default=False)] = None,
) -> None:
    """Check size and digest of the named models, or of all that are here."""
    from voicechat.launch.models import verify_models

    if not verify_models(_models_directory(), ids or []):
        raise typer.Exit(FAILED)


@keys_app.command("create")
@explained
def keys_create(
    name: Annotated[str, typer.Argument(help="Who will use it, such as phone or backend-2.")],
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="What it opens; may be repeated.  [default: speak, listen, converse]", show_default=False),
    ] = None,
    days: Annotated[float | None, typer.Option(min=0, help="Life, days.", show_default=False)] = None,
    requests_per_minute: Annotated[int | None, typer.Option(min=0, show_default=False)] = None,
    concurrent_requests: Annotated[int | None, typer.Option(min=0, show_default=False)] = None,
    concurrent_sessions: Annotated[int | None, typer.Option(min=0, show_default=False)] = None,
    session_seconds: Annotated[
        float | None, typer.Option(min=1, help="Longest conversation, s.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Make a key. Its token is printed once and kept nowhere."""
    from voicechat.access import keys
    from voicechat.launch.keys import create_key

    limits = keys.KeyLimits(
        requests_per_minute=requests_per_minute,
        concurrent_requests=concurrent_requests,
        concurrent_sessions=concurrent_sessions,
        session_s=session_seconds,
    )
    scopes = [keys.Scope(each) for each in scope or (Scope.SPEAK, Scope.LISTEN, Scope.CONVERSE)]
    create_key(_settings(config, overrides, {}), name, scopes, days=days, limits=limits, as_json=as_json)


@keys_app.command("list")
@explained
def keys_list(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Show every key, never its token."""
    from voicechat.launch.keys import list_keys

    list_keys(_settings(config, overrides, {}), as_json=as_json)


@keys_app.command("revoke")
@explained
def keys_revoke(
    key: Annotated[str, typer.Argument(metavar="NAME|ID", help="The key.")],
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Put a key out of force, at once and for good."""
    from voicechat.launch.keys import revoke_key

    revoke_key(_settings(config, overrides, {}), key)


@app.command()
@explained
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Check models, ports, devices and versions, and say how to mend each. Ends with 1 when something is broken."""
    from voicechat.launch.doctor import run_doctor

    if not run_doctor(_settings(config, overrides, {}), as_json=as_json):
        raise typer.Exit(FAILED)


@bench_app.command("ttfa")
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

    write_report(run_ttfa(_settings(config, overrides, {}), repeats, _names(peers)), output)


@bench_app.command("tts-load")
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

    settings = _settings(config, overrides, {})
    if mixed:
        from voicechat.bench.mixed import run_mixed

        write_report(run_mixed(settings, clients, seconds), output)
        return
    from voicechat.bench.load import LoadOptions, run_load

    write_report(run_load(settings, LoadOptions(clients, seconds, _names(peers), pin)), output)


@bench_app.command("disturbance")
@explained
def bench_disturbance(output: Report = None, config: Config = None, overrides: Overrides = None) -> None:
    """Coughs, knocks, music and its own echo over a reply: it goes on, whole, and takes nobody's turn."""
    from voicechat.bench.calls.disturbance import run_disturbance
    from voicechat.bench.report import write_report

    write_report(run_disturbance(_settings(config, overrides, {})), output)


@bench_app.command("endpointing")
@explained
def bench_endpointing(output: Report = None, config: Config = None, overrides: Overrides = None) -> None:
    """Ends of turns: who is cut off in a pause, and who waits how long, by silence alone and by models that listen."""
    from voicechat.bench.endpointing.run import run_endpointing
    from voicechat.bench.report import write_report

    write_report(run_endpointing(_settings(config, overrides, {})), output)


@bench_app.command("tts-fidelity")
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

    write_report(run_fidelity(_settings(config, overrides, {}), sentences), output)


@bench_app.command("tts-words")
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

    write_report(run_word_times(_settings(config, overrides, {}), pauses), output)


@bench_app.command("conversation")
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
    options = CallOptions(numbers(callers), turns, speakers(voices), levels(noise), idle, _names(peers), url, ways)
    write_report(run_conversation(_settings(config, overrides, {}), options), output)


@bench_app.command("barge-in")
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
        numbers(callers), turns, speakers(voices), levels(noise), peers=_names(peers), url=url, transports=ways
    )
    write_report(run_barge_in(_settings(config, overrides, {}), options), output)


@bench_app.command("ears")
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

    settings = _settings(config, overrides, {})
    endpoint_s = settings.conversation.finished_ms / 1000
    chosen = Selection(_names(parts), sample, seed, timed, endpoint_s)
    write_report(run_ears(settings, EarsOptions(chosen, processes or os.cpu_count() or 1, seconds, rows)), output)


@bench_app.command("fleet")
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

    write_report(run_fleet(_settings(config, overrides, {}), workers, seconds), output)


@bench_app.command("chaos")
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

    write_report(run_chaos(_settings(config, overrides, {}), callers, seconds), output)


@bench_app.command("rolling")
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

    write_report(run_rolling(_settings(config, overrides, {}), callers), output)


def _names(given: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in given.split(",") if name.strip())


def _client_key() -> str | None:
    key = _settings(None, None, {}).client.api_key
    return None if key is None else key.get_secret_value()


def _models_directory() -> Path | None:
    return _settings(None, None, {}).models.directory


def _settings(config: Path | None, overrides: list[str] | None, options: dict[str, Any]) -> Settings:
    from voicechat.settings import load_settings

    pairs = dict(_pair(given) for given in overrides or [])
    return load_settings(
        config, os.environ, pairs | {name: value for name, value in options.items() if value is not None}
    )


def _pair(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals or "." not in name:
        raise typer.BadParameter(f"--set takes SECTION.KEY=VALUE, such as llm.temperature=0, not {given!r}")
    return name.strip(), value


def main() -> None:
    """Entry point of the `voicechat` program."""
    app()
