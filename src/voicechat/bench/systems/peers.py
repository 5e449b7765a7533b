"""Who else speaks with this voice, and how each is run at its best."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from voicechat.bench.pinned import on_cores
from voicechat.bench.systems.api_peer import api_peer
from voicechat.bench.systems.http_peer import HttpPeer
from voicechat.bench.systems.port import BenchError, System
from voicechat.bench.systems.process import last_lines, running
from voicechat.bench.systems.wyoming_peer import WyomingPeer
from voicechat.launch.ports import LOOPBACK, free_port

SCRIPTS = Path(__file__).parents[4] / "benchmarks" / "peers"
SERVER_START_S = 60.0


@dataclass(frozen=True, slots=True)
class PeerHouse:
    """Where peers live.

    Attributes:
        python: Of their environment.
        model: The voice's .onnx file, its .json beside it.
        scratch: A directory for logs, and for what peers make of the voice.
        cores: Where they may run; anywhere if empty.
        threads: Of their ONNX runtime; 0 leaves it to the runtime.
    """

    python: Path
    model: Path
    scratch: Path
    cores: Collection[int] = ()
    threads: int = 0

    def log(self, name: str) -> Path:
        """What `name` writes on standard error."""
        return self.scratch / f"{name}.log"

    def script(self, file: str, *arguments: str) -> tuple[str, ...]:
        """A command that runs one of our scripts among the peers."""
        return (str(self.python), str(SCRIPTS / file), *arguments)


Peer = Callable[[PeerHouse], AbstractAsyncContextManager[System]]


def peers_python() -> Path:
    """The Python of the peers' environment. Raises `BenchError` when they were not installed."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    python = Path(os.environ.get("BENCH_PEERS") or cache / "voicechat" / "peers") / "bin" / "python"
    if not SCRIPTS.is_dir():
        raise BenchError("peers are measured from a checkout of the repository only: clone it, or leave --peers out")
    if not python.exists():
        raise BenchError("the peers are not installed: run benchmarks/peers/setup, or leave --peers out")
    return python


@asynccontextmanager
async def piper_api(house: PeerHouse) -> AsyncIterator[System]:
    """`piper.PiperVoice.synthesize`, sentence by sentence."""
    name = f"piper-tts API, {_threads(house)}"
    command = house.script("piper_api.py", "--model", str(house.model), "--threads", str(house.threads))
    async with api_peer(name, command, house.log("piper-api"), house.cores) as peer:
        yield peer


@asynccontextmanager
async def streaming_vits(house: PeerHouse) -> AsyncIterator[System]:
    """`streaming_vits.StreamingTTS.stream`, calibrated on this machine as it starts."""
    name = f"streaming-vits, {_threads(house)}"
    arguments = ("--model", str(house.model), "--threads", str(house.threads), "--cache", str(house.scratch))
    command = house.script("streaming_vits_api.py", *arguments)
    async with api_peer(name, command, house.log("streaming-vits"), house.cores) as peer:
        yield peer


@asynccontextmanager
async def piper_http(house: PeerHouse) -> AsyncIterator[System]:
    """`python -m piper.http_server`."""
    port = free_port()
    arguments = ("piper.http_server", "--host", LOOPBACK, "--port", str(port), "--model", str(house.model))
    async with _server(house, "piper-http", port, arguments) as pid:
        url = f"http://{LOOPBACK}:{port}"
        peer = HttpPeer("piper-tts HTTP server", url, pid, {"threads": _threads(house)})
        try:
            yield peer
        finally:
            await peer.aclose()


@asynccontextmanager
async def wyoming_piper(house: PeerHouse) -> AsyncIterator[System]:
    """`python -m wyoming_piper`."""
    port = free_port()
    voice = ("--voice", house.model.stem, "--data-dir", str(house.model.parent), "--download-dir", str(house.scratch))
    arguments = ("wyoming_piper", "--uri", f"tcp://{LOOPBACK}:{port}", *voice)
    async with _server(house, "wyoming-piper", port, arguments) as pid:
        peer = WyomingPeer("wyoming-piper", LOOPBACK, port, pid, {"threads": _threads(house)})
        try:
            yield peer
        finally:
            await peer.aclose()


PEERS: dict[str, Peer] = {
    "piper-api": piper_api,
    "piper-http": piper_http,
    "wyoming-piper": wyoming_piper,
    "streaming-vits": streaming_vits,
}


def find_peers(names: Collection[str]) -> dict[str, Peer]:
    """The peers called `names`; "all" names each. Raises `BenchError` on others."""
    wanted = list(PEERS) if "all" in names else list(names)
    if unknown := [name for name in wanted if name not in PEERS]:
        raise BenchError(f"no peer is called {', '.join(unknown)}; there are all, {', '.join(PEERS)}")
    return {name: PEERS[name] for name in wanted}


def _threads(house: PeerHouse) -> str:
    return {0: "default threads", 1: "1 thread"}.get(house.threads, f"{house.threads} threads")


@asynccontextmanager
async def _server(house: PeerHouse, name: str, port: int, module: tuple[str, ...]) -> AsyncIterator[int]:
    """Run a peer's module until the context is left; gives its pid once its port answers."""
    log = house.log(name)
    command = house.script("with_threads.py", str(house.threads), *module)
    async with running(on_cores(command, house.cores), log) as process:
        await answers(name, port, log)
        yield process.pid


async def answers(name: str, port: int, log: Path) -> None:
    """Wait until something listens on `port`. Raises `BenchError` with the log's last words."""
    try:
        async with asyncio.timeout(SERVER_START_S):
            while not await _listens(port):  # noqa: ASYNC110 - another process can only be asked
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise BenchError(f"{name} does not answer; its last words were: {last_lines(log)}") from error


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True
