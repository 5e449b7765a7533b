"""Rooms one after another, spoken to and typed into in turns: what of the product grows meanwhile.

    PYTHONPATH=tests .venv/bin/python benchmarks/rooms_soak.py MINUTES [OUTPUT.json]

Samples are taken while nobody is in a room. Each goes to standard error as it is taken, so that a run
that ends early has told something. A call that fails is counted, and the next begins.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil
from support.livekit import LiveKit, start_livekit
from support.room_caller import RATE_HZ, RoomCaller, caller, details
from support.stack import Stack, start_stack

from voicechat.audio.pcm import Pcm16
from voicechat.audio.resample import resample
from voicechat.bench.calls.utterances import human_utterances
from voicechat.bench.report import Bar, Measuring, write_report
from voicechat.bench.statistics import share, slope
from voicechat.client.playout import RATE_HZ as UTTERANCE_RATE_HZ

SAMPLE_S = 30.0
SETTLED_AFTER_S = 600.0
"""Until then allocators, caches and pools meet their largest; growth is judged behind it, or in the second half."""
EMPTY_TIMEOUT_S = 10.0
AUDIBLE = 1000
COLUMNS = ("at_s", "calls", "rss_mb", "descriptors", "threads", "tasks", "worker_rss_mb", "livekit_rss_mb")


async def one_call(stack: Stack, spoken: Pcm16 | None) -> bool:
    """A room in which something is said, or typed where `spoken` is None; whether it was answered aloud."""
    ticket = await asyncio.to_thread(details, stack.url)
    async with caller(ticket["serverUrl"], ticket["participantToken"]) as person:
        await person.until(lambda: "listening" in person.states)
        if spoken is None:
            await person.type("Say hello.")
        else:
            await person.say(spoken)
        await person.until(lambda: _was_answered(person))
        return True


def _was_answered(person: RoomCaller) -> bool:
    is_over = bool(person.told("voicechat.reply", status="completed"))
    return is_over and any(abs(frame).max() > AUDIBLE for frame in person.sound)


class Soak:
    """Calls, and samples between them."""

    def __init__(self, stack: Stack, livekit: LiveKit) -> None:
        self._stack = stack
        self._orchestrator = stack.child("voicechat.launch.alone")
        self._worker = stack.child("voicechat.tts")
        self._livekit = psutil.Process(livekit.process.pid)
        self.calls = self.answered = 0
        self.failures: list[str] = []
        self.table: list[list[float]] = []

    async def run(self, seconds: float) -> None:
        """Call until the time is over."""
        said = [resample(one.pcm, UTTERANCE_RATE_HZ, RATE_HZ) for one in human_utterances(12)]
        began_s = time.monotonic()
        sampled_s = began_s - SAMPLE_S
        while (now_s := time.monotonic()) - began_s < seconds:
            if now_s - sampled_s >= SAMPLE_S:
                sampled_s = now_s
                await self._sample(now_s - began_s)
            await self._call(said[self.calls // 2 % len(said)] if self.calls % 2 else None)
        await self._sample(time.monotonic() - began_s)

    async def _call(self, spoken: Pcm16 | None) -> None:
        self.calls += 1
        try:
            self.answered += await one_call(self._stack, spoken)
        except Exception as error:  # whatever it was, the next call tells whether it lasts
            self.failures.append(f"call {self.calls}: {str(error)[-600:]}")
            print(self.failures[-1], file=sys.stderr)

    async def _sample(self, at_s: float) -> None:
        figures = await self._figures_of_an_empty_house()
        row = [
            round(at_s),
            self.calls,
            _rss_mb(self._orchestrator),
            self._orchestrator.num_fds(),
            self._orchestrator.num_threads(),
            figures["voicechat_loop_tasks"],
            _rss_mb(self._worker),
            _rss_mb(self._livekit),
        ]
        self.table.append(row)
        print(json.dumps(dict(zip(COLUMNS, row, strict=True))), file=sys.stderr, flush=True)

    async def _figures_of_an_empty_house(self) -> dict[str, float]:
        end_s = time.monotonic() + EMPTY_TIMEOUT_S
        async with httpx.AsyncClient(timeout=5) as client:
            while True:
                text = (await client.get(f"{self._stack.ops_url}/metrics")).text
                figures = {name: float(value) for name, value in re.findall(r"^(\w+) (\S+)$", text, re.MULTILINE)}
                if figures["sessions_active"] == 0 or time.monotonic() > end_s:
                    return figures
                await asyncio.sleep(0.1)


def _rss_mb(process: psutil.Process) -> float:
    return round(process.memory_info().rss / 2**20, 1)


def growth_per_hour(table: list[list[float]], column: str) -> float:
    """Least squares slope of a column once the process has settled."""
    settled_s = min(SETTLED_AFTER_S, table[-1][0] / 2)
    rows = [row for row in table if row[0] >= settled_s]
    place = COLUMNS.index(column)
    return round(slope([row[0] / 3600 for row in rows], [row[place] for row in rows]), 2)


def bars(soak: Soak) -> list[Bar]:
    """What flat means: an hour adds less than a busy moment does."""
    return [
        Bar("calls that were answered, %", round(100 * share(soak.answered, soak.calls), 2), at_least=99),
        Bar("memory, MB an hour", growth_per_hour(soak.table, "rss_mb"), at_most=20),
        Bar("descriptors, an hour", growth_per_hour(soak.table, "descriptors"), at_most=1),
        Bar("threads, an hour", growth_per_hour(soak.table, "threads"), at_most=1),
        Bar("tasks, an hour", growth_per_hour(soak.table, "tasks"), at_most=1),
    ]


def main(minutes: float, output: Path | None) -> None:
    directory = Path(tempfile.mkdtemp())
    livekit = start_livekit(directory)
    livekit.wait_until_ready()
    # People who left are not waited for, so that no more rooms are held than are entered.
    options = ("--mind", "embedded", "--set", "llm.max_output_tokens=16", "--set", "livekit.reconnect_grace_s=0")
    stack = start_stack(
        directory / "up.log", *options, "--set", "livekit.join_timeout_s=1", environment=livekit.environment
    )
    try:
        stack.wait_until_ready(120)
        measuring = Measuring("rooms-soak", {"minutes": minutes})
        soak = Soak(stack, livekit)
        asyncio.run(soak.run(minutes * 60))
        counts = {"calls": soak.calls, "answered": soak.answered, "failures": soak.failures[:20]}
        write_report(measuring.report(bars(soak), **counts, columns=COLUMNS, table=soak.table), output)
    finally:
        stack.stop()
        livekit.stop()


if __name__ == "__main__":
    main(float(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
