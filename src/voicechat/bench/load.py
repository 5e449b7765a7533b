"""How many listeners one core can speak to at once, beside what the uncut graph makes on the same core."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any

import psutil

from voicechat.bench.clients import cpu_seconds, hold, settle
from voicechat.bench.pinned import affinity, staying_on
from voicechat.bench.place import house
from voicechat.bench.playout import Playout
from voicechat.bench.ramp import Stage, greatest_held, is_over
from voicechat.bench.report import Bar, Measuring, progress, show_table
from voicechat.bench.statistics import Summary, share
from voicechat.bench.systems.peers import PEERS, PeerHouse, find_peers
from voicechat.bench.systems.port import BenchError, System
from voicechat.bench.systems.worker import own_worker
from voicechat.bench.texts import REPLIES
from voicechat.fleet.port import Pace
from voicechat.settings import Settings

LIBRARIES = ("piper-api", "streaming-vits")
"""Peers that serve one caller in their own process."""

SERVERS = ("piper-http", "wyoming-piper")
"""Peers that several clients can be connected to."""

STREAMS_BAR, SHARE_BAR, CPU_BAR = 6, 0.75, 1.33
_ONE_SHOT = "piper-tts API, 1 thread"


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How the ramp is driven.

    Attributes:
        clients: The most that are tried.
        seconds: Of each stage.
        peers: Measured beside us.
        pin: Bind the system to one core and the clients to another.
        seed: Of starts and replies.
    """

    clients: int
    seconds: float
    peers: tuple[str, ...]
    pin: bool = True
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Throughput:
    """Speech made by one caller that never waits."""

    system: str
    speech_s: float
    wall_s: float
    cpu_s: float

    @property
    def speech_s_per_s(self) -> float:
        """Seconds of speech in a second."""
        return share(self.speech_s, self.wall_s)

    @property
    def cpu_s_per_speech_s(self) -> float:
        """Computing that a second of speech took."""
        return share(self.cpu_s, self.speech_s)

    def as_json(self) -> dict[str, Any]:
        """Rounded."""
        return {
            "system": self.system,
            "speech_s_per_s": round(self.speech_s_per_s, 2),
            "cpu_s_per_speech_s": round(self.cpu_s_per_speech_s, 4),
            "speech_s": round(self.speech_s, 1),
        }


def cores_of(pin: bool) -> tuple[set[int], set[int]]:
    """Cores for the system, and for the clients; empty: anywhere. Raises `BenchError` on a machine with one."""
    if not pin:
        return set(), set()
    usable = sorted(affinity())
    if len(usable) < 2:
        raise BenchError("one core cannot hold both the system and its clients: measure on two, or with --no-pin")
    return {usable[0]}, {usable[1]}


def for_load(settings: Settings, options: LoadOptions) -> Settings:
    """The worker as it is measured: one thread on its one core, and no limit of streams but its own judgement."""
    worker = settings.worker
    update = {"capacity": max(worker.capacity, options.clients)} | ({"threads": 1} if options.pin else {})
    return settings.model_copy(update={"worker": worker.model_copy(update=update)})


def run_load(settings: Settings, options: LoadOptions) -> dict[str, Any]:
    """Measure, show the tables, and return the report."""
    cores, clients_cores = cores_of(options.pin)
    with staying_on(clients_cores):
        return asyncio.run(_run_load(settings, options, cores))


async def _run_load(settings: Settings, options: LoadOptions, cores: Collection[int]) -> dict[str, Any]:
    peers = find_peers(options.peers)
    place = replace(house(settings), cores=cores, threads=1 if options.pin else 0) if peers else None
    told = {"clients": options.clients, "seconds": options.seconds, "peers": list(peers), "pinned": options.pin}
    measuring = Measuring("tts-load", told)
    run = _Run(options)
    async with own_worker(for_load(settings, options), cores) as ours:
        if place is not None:
            await run.libraries(peers, replace(place, threads=1))
        await run.ramp(ours)
        run.throughputs.append(await throughput(ours.at_pace(Pace.BULK), options.seconds))
    if place is not None:
        await run.servers(peers, place)
    _show(run.throughputs, run.ramps)
    return measuring.report(
        bars(run.throughputs, run.ramps[ours.name]),
        systems=run.systems,
        throughput=[one.as_json() for one in run.throughputs],
        held={name: greatest_held(stages) for name, stages in run.ramps.items()},
        stages={name: [stage.as_json() for stage in stages] for name, stages in run.ramps.items()},
    )


class _Run:
    """Collects what is measured."""

    def __init__(self, options: LoadOptions) -> None:
        self._options = options
        self.systems: list[dict[str, Any]] = []
        self.throughputs: list[Throughput] = []
        self.ramps: dict[str, list[Stage]] = {}

    async def libraries(self, peers: Collection[str], place: PeerHouse) -> None:
        """Throughput of those among the peers that one caller at a time can use."""
        for name in LIBRARIES:
            if name in peers:
                progress(f"starting {name}")
                async with PEERS[name](place) as system:
                    self._tell(system)
                    self.throughputs.append(await throughput(system, self._options.seconds))

    async def servers(self, peers: Collection[str], place: PeerHouse) -> None:
        """Ramps of the others."""
        for name in SERVERS:
            if name in peers:
                async with PEERS[name](place) as system:
                    await self.ramp(system)

    async def ramp(self, system: System) -> None:
        """Stages of 1, 2, 3... clients until they are no longer held; the first reply of all is not counted."""
        self._tell(system)
        stages = self.ramps.setdefault(system.name, [])
        await throughput(system, 0.0)
        for clients in range(1, self._options.clients + 1):
            await settle(system.pid)
            stages.append(await hold(system, clients, self._options.seconds, self._options.seed))
            progress(f"{system.name}: {clients} clients {'held' if stages[-1].held else 'not held'}")
            if is_over(stages):
                break

    def _tell(self, system: System) -> None:
        self.systems.append({"name": system.name, "settings": system.settings})


async def throughput(system: System, seconds: float) -> Throughput:
    """One reply after the other for `seconds`, the last one to its end, none of them played."""
    process = psutil.Process(system.pid)
    clock = asyncio.get_running_loop().time
    began_s, cpu_s, speech_s = clock(), cpu_seconds(process), 0.0
    for text in cycle(REPLIES):
        playout = Playout()
        await system.speak(text, playout)
        speech_s += playout.audio_s
        if clock() - began_s >= seconds:
            break
    return Throughput(system.name, speech_s, clock() - began_s, cpu_seconds(process) - cpu_s)


def bars(throughputs: Sequence[Throughput], stages: Sequence[Stage]) -> list[Bar]:
    """What our worker must reach on one core."""
    held = greatest_held(stages)
    full = next((stage for stage in stages if stage.clients == held), None)
    cpu = full.cpu_s_per_speech_s if full else None
    one_shot = next((one for one in throughputs if one.system == _ONE_SHOT), None)
    vits = next((one for one in throughputs if one.system.startswith("streaming-vits")), None)
    made = one_shot.speech_s_per_s if one_shot else None
    one_shot_cpu = one_shot.cpu_s_per_speech_s if one_shot else None
    vits_cpu = vits.cpu_s_per_speech_s if vits else None
    return [
        Bar("REALTIME streams held on one core", held, at_least=STREAMS_BAR),
        Bar("of the uncut graph's throughput on that core", _ratio(held, made), at_least=SHARE_BAR),
        Bar("CPU per second of speech, over the uncut graph's", _ratio(cpu, one_shot_cpu), at_most=CPU_BAR),
        Bar("CPU per second of speech, over streaming-vits's", _ratio(cpu, vits_cpu), at_most=1.0),
    ]


def _ratio(part: float | None, whole: float | None) -> float | None:
    return round(part / whole, 3) if part is not None and whole else None


def _show(throughputs: Sequence[Throughput], ramps: dict[str, list[Stage]]) -> None:
    if throughputs:
        rows = [(one.system, f"{one.speech_s_per_s:.2f}", f"{one.cpu_s_per_speech_s:.3f}") for one in throughputs]
        show_table("One caller that never waits", ("system", "speech s per s", "CPU s per speech s"), rows)
    show_table(
        "Listeners at once",
        ("system", "clients", "first audio p50", "p95", "p99", "underruns %", "refused", "CPU s per speech s", "held"),
        [_row(name, stage) for name, stages in ramps.items() for stage in stages],
    )


def _row(name: str, stage: Stage) -> tuple[str, ...]:
    first = Summary.of(stage.first_audio_ms)
    return (
        name,
        str(stage.clients),
        *((f"{first.p50:.0f}", f"{first.p95:.0f}", f"{first.p99:.0f}") if first else ("-", "-", "-")),
        f"{100 * stage.underrun_share:.3f}",
        str(stage.refusals),
        f"{stage.cpu_s_per_speech_s:.3f}",
        "yes" if stage.held else "no",
    )
