"""The embedded mind: a small model behind an OpenAI-compatible server, in a process of its own.

`python -m voicechat.llm.embedded --port 0` binds loopback, or `--host`, prints one line of JSON when it can answer,

    {"event": "ready", "port": 40213, "base_url": "http://127.0.0.1:40213/v1", "model": "smollm2-135m-instruct", ...}

and serves `/v1/chat/completions` (streamed, tools included), `/v1/models`, `/tokenize` and `/health` until SIGTERM,
SIGINT, or the death of the process that started it. llama.cpp does the work, HTTP included, on threads of its own.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voicechat.settings import Settings

if TYPE_CHECKING:
    import xllamacpp

LOOPBACK = "127.0.0.1"
CONTEXT_MARGIN_TOKENS = 256
"""Room for the chat template and tool schemas beside history and reply."""
CONTEXT_STEP_TOKENS = 256
"""llama.cpp rounds a slot's context down to a multiple of this."""
PROMPT_CACHE_MIB = 128
"""Memory for the prompts of conversations that have no slot; llama.cpp's own default is 8 GiB."""
PARENT_POLL_S = 0.5
PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class EmbeddedOptions:
    """How the server runs. `context_tokens` is what one conversation gets, `slots` how many are answered at once."""

    gguf: Path
    name: str
    host: str
    port: int
    threads: int
    slots: int
    context_tokens: int


def embedded_command(settings: Settings, *, port: int | None = None) -> list[str]:
    """The command that starts the server as `settings` ask.

    A supervisor that starts it again passes the `port` of its first ready line, so that clients keep their address.
    """
    llm = settings.llm
    context = llm.history_tokens + llm.max_output_tokens + CONTEXT_MARGIN_TOKENS
    command = [sys.executable, "-m", "voicechat.llm.embedded"]
    command += ["--port", str(llm.embedded_port if port is None else port), "--model", llm.embedded_model]
    command += ["--threads", str(llm.embedded_threads), "--context", str(context)]
    if settings.models.directory is not None:
        command += ["--models", str(settings.models.directory)]
    return command


def default_threads(cores: int | None = None) -> int:
    """All cores but one, which the voice keeps; at least one."""
    return max(1, (cores or os.cpu_count() or 2) - 1)


def server_params(options: EmbeddedOptions) -> xllamacpp.CommonParams:
    """llama.cpp's parameters for a private server that shares the machine with a voice."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(options.gguf)
    params.model_alias = {options.name}
    params.hostnames = [options.host]
    params.port = options.port
    params.offline = True
    params.cors_origins = f"http://{LOOPBACK}"  # other pages in the owner's browser may not use it
    params.ui = params.endpoint_slots = False
    params.use_jinja = True
    params.n_parallel = options.slots
    params.n_ctx = options.slots * math.ceil(options.context_tokens / CONTEXT_STEP_TOKENS) * CONTEXT_STEP_TOKENS
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.timeout_read = params.timeout_write = 60
    params.verbosity = 2
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = options.threads
        cpu.poll = 0  # waiting threads sleep: spinning would take the core from the voice
    return params


def exit_with_parent() -> int:
    """Ask the kernel for SIGTERM when the thread that started this process ends (Linux); returns the parent's pid."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    return parent


def wait_for_end(parent: int, stop: threading.Event) -> str:
    """Block until told to stop or orphaned; says which."""
    while not stop.wait(PARENT_POLL_S):
        if os.getppid() != parent:
            return "the process that started it is gone"
    return "asked to stop"


def serve(options: EmbeddedOptions) -> None:
    """Load the model, say so on stdout, and answer until the end."""
    parent = exit_with_parent()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    import xllamacpp

    began = time.monotonic()
    try:
        server = xllamacpp.Server(server_params(options))
    except RuntimeError as error:
        raise RuntimeError(
            f"llama.cpp says why above ({error}); where port {options.port} is in use, set llm.embedded_port to 0"
        ) from error
    address = str(server.listening_address)
    ready = {
        "event": "ready",
        "port": int(address.rsplit(":", 1)[1]),
        "base_url": f"{address}/v1",
        "model": options.name,
        "load_s": round(time.monotonic() - began, 3),
    }
    print(json.dumps(ready), flush=True)
    reason = wait_for_end(parent, stop)
    print(json.dumps({"event": "stopped", "reason": reason}), flush=True)
    # Destroying the server would wait for replies in progress; nobody is left to hear them.
    os._exit(0)


def _find_gguf(model: str, directory: Path | None) -> Path:
    """The file of a catalogue model, or `model` itself where it is a path."""
    if model.endswith(".gguf"):
        return Path(model)
    from voicechat.models.store import ModelStore

    files = sorted(ModelStore(directory).require(model).glob("*.gguf"))
    if not files:
        raise FileNotFoundError(f"model {model} holds no .gguf file: run `voicechat models verify {model}`")
    return files[0]


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    defaults = Settings().llm
    context = defaults.history_tokens + defaults.max_output_tokens + CONTEXT_MARGIN_TOKENS
    parser = argparse.ArgumentParser(prog="python -m voicechat.llm.embedded", description=__doc__.splitlines()[0])
    parser.add_argument("--host", default=LOOPBACK, help="address to bind; it asks for no key, so no public one")
    parser.add_argument("--port", type=int, default=defaults.embedded_port, help="0 takes a free one")
    parser.add_argument("--model", default=defaults.embedded_model, help="catalogue id, or path of a GGUF file")
    parser.add_argument("--models", type=Path, default=None, help="model cache; unset: the user's cache")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores but one")
    parser.add_argument("--slots", type=int, default=2, choices=range(1, 17), help="replies written at once")
    parser.add_argument("--context", type=int, default=context, help="tokens of one conversation, reply included")
    parser.add_argument("--nice", type=int, default=10, help="how far to stand behind the voice for the processor")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the server; the exit status is 2 when it cannot start, with the reason on stderr."""
    given = _parse(arguments)
    os.nice(given.nice)
    try:
        gguf = _find_gguf(given.model, given.models)
        if not gguf.is_file():
            raise FileNotFoundError(f"{gguf} does not exist: give a catalogue id or the path of a GGUF file")
        name = Path(given.model).stem if given.model.endswith(".gguf") else given.model
        threads = given.threads or default_threads()
        serve(EmbeddedOptions(gguf, name, given.host, given.port, threads, given.slots, given.context))
    except Exception as error:
        print(f"the embedded language model cannot start: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
