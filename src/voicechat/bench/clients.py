"""Simulated listeners: each plays replies back to back, in real time, starting at random."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from voicechat.bench.machine import CpuTimes
from voicechat.bench.playout import TICK_S, Playout
from voicechat.bench.ramp import MAX_FIRST_AUDIO_MS, Stage
from voicechat.bench.systems.port import Refused, System
from voicechat.bench.texts import REPLIES

SPREAD_S = 2.0
"""Clients begin within this time."""

RETRY_S = 0.5
"""Wait of a client that was refused."""

SETTLE_AT_MOST_S = 30.0
SETTLE_LOOK_S = 0.4
RESTING_SHARE = 0.1
"""Of one core."""


@dataclass(slots=True)
class Tally:
    """What the listeners of one stage have met."""

    first_audio_ms: list[float] = field(default_factory=list)
    chunks: int = 0
    underruns: int = 0
    refusals: int = 0
    speech_s: float = 0.0

    def add(self, playout: Playout, began_s: float, now_s: float) -> None:
        """Count a reply, complete or not."""
        playout.advance(now_s)
        self.chunks += playout.chunks
        self.underruns += playout.underruns
        self.speech_s += playout.audio_s
        if playout.first_audio_s is not None:
            self.first_audio_ms.append(1000 * (playout.first_audio_s - began_s))
        elif (waited_ms := 1000 * (now_s - began_s)) > MAX_FIRST_AUDIO_MS:
            self.first_audio_ms.append(waited_ms)


async def hold(system: System, clients: int, seconds: float, seed: int) -> Stage:
    """Let `clients` listen for `seconds`; what is unfinished then is given up."""
    tally = Tally()
    lags_ms: list[float] = []
    process = psutil.Process(system.pid)
    clock = asyncio.get_running_loop().time
    machine, began_s, cpu_s = CpuTimes.now(), clock(), cpu_seconds(process)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            group.create_task(watch_lag(lags_ms, clock))
            for client in range(clients):
                group.create_task(_listen(system, tally, random.Random(f"{seed} {client}")))
    return Stage(
        clients,
        clock() - began_s,
        tally.first_audio_ms,
        tally.chunks,
        tally.underruns,
        tally.refusals,
        tally.speech_s,
        cpu_seconds(process) - cpu_s,
        lags_ms,
        CpuTimes.now().since(machine)["steal_percent"],
    )


async def settle(pid: int) -> None:
    """Wait until the process rests, `SETTLE_AT_MOST_S` at most: not all can give up what nobody waits for any more."""
    process = psutil.Process(pid)
    for _ in range(round(SETTLE_AT_MOST_S / SETTLE_LOOK_S)):
        before_s = cpu_seconds(process)
        await asyncio.sleep(SETTLE_LOOK_S)
        if cpu_seconds(process) - before_s < RESTING_SHARE * SETTLE_LOOK_S:
            return


def cpu_seconds(process: psutil.Process) -> float:
    """Time that the process's threads have had on a core."""
    times = process.cpu_times()
    return float(times.user + times.system)


async def watch_lag(lags_ms: list[float], clock: Callable[[], float]) -> None:
    """Note, every tick, how late this event loop is."""
    while True:
        due_s = clock() + TICK_S
        await asyncio.sleep(TICK_S)
        lags_ms.append(1000 * (clock() - due_s))


async def play_out(playout: Playout) -> None:
    """Wait until all that came has been played."""
    clock = asyncio.get_running_loop().time
    playout.advance(clock())
    while not playout.finished:
        await asyncio.sleep(max(playout.remaining_s, TICK_S))
        playout.advance(clock())


async def _listen(system: System, tally: Tally, rng: random.Random) -> None:
    await asyncio.sleep(rng.uniform(0, SPREAD_S))
    while True:
        try:
            await _hear(system, rng.choice(REPLIES), tally)
        except Refused:
            tally.refusals += 1
            await asyncio.sleep(RETRY_S)


async def _hear(system: System, text: str, tally: Tally) -> None:
    clock = asyncio.get_running_loop().time
    playout, began_s = Playout(), clock()
    try:
        await system.speak(text, playout)
        await play_out(playout)
    finally:
        tally.add(playout, began_s, clock())
