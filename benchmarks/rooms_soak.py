"""Rooms one after another for some minutes: memory, descriptors and threads of the orchestrator, as JSON.

PYTHONPATH=tests .venv/bin/python benchmarks/rooms_soak.py [MINUTES]
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from support.livekit import start_livekit
from support.room_caller import caller, details
from support.stack import Stack, start_stack

from voicechat.bench.machine import machine_spec

MINUTES = 10.0
SAMPLE_S = 15.0


async def one_call(stack: Stack) -> bool:
    """A room with a typed question; whether it was answered aloud."""
    ticket = details(stack.url)
    async with caller(ticket["serverUrl"], ticket["participantToken"]) as person:
        await person.until(lambda: "listening" in person.states)
        await person.type("Say hello.")
        await person.until(lambda: person.told("voicechat.reply", status="completed"))
        return any(abs(frame).max() > 1000 for frame in person.sound)


async def soak(stack: Stack, minutes: float) -> dict[str, Any]:
    process = stack.child("voicechat.launch.alone")
    began_s = time.monotonic()
    table, calls, answered, sampled_s = [], 0, 0, -SAMPLE_S
    while (passed_s := time.monotonic() - began_s) < minutes * 60:
        answered += await one_call(stack)
        calls += 1
        if passed_s - sampled_s >= SAMPLE_S:
            sampled_s = passed_s
            table.append(_sample(process, passed_s, calls))
    return {"minutes": minutes, "calls": calls, "answered": answered, "table": table}


def _sample(process: psutil.Process, at_s: float, calls: int) -> dict[str, Any]:
    with process.oneshot():
        rss_mb = round(process.memory_info().rss / 2**20, 1)
    return {
        "at_s": round(at_s),
        "calls": calls,
        "rss_mb": rss_mb,
        "descriptors": process.num_fds(),
        "threads": process.num_threads(),
    }


def main(minutes: float) -> None:
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
        print(json.dumps({"machine": machine_spec(), **asyncio.run(soak(stack, minutes))}, indent=1))
    finally:
        stack.stop()
        livekit.stop()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES)
