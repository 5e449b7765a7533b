"""Two orchestrators share LiveKit rooms; one is killed, then one is drained. Prints what became of each room as JSON.

PYTHONPATH=tests .venv/bin/python benchmarks/rooms_shared.py [ROOMS]
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from support.livekit import LiveKit, start_livekit
from support.room_caller import RoomCaller, caller, details
from support.stack import Stack, free_port, start_stack

from voicechat.bench.machine import machine_spec

ROOMS = 6
TAKEN_TIMEOUT_S = 60.0


@contextmanager
def second_orchestrator(stack: Stack, livekit: LiveKit, ports: tuple[int, int], log: Path) -> Iterator[int]:
    """An orchestrator beside that of `stack`, on its voice and mind; gives its process id."""
    told = stack.log.read_text()
    voice, mind = (re.search(rf"{part}\s+ready.* (127\.0\.0\.1:\d+)", told) for part in ("voice", "mind"))
    assert voice is not None and mind is not None
    environment = {
        **os.environ,
        **livekit.environment,
        "VOICECHAT_SERVER__PORT": str(ports[0]),
        "VOICECHAT_SERVER__HEALTH_CHECK_PORT": str(ports[1]),
        "TTS_WORKER_ADDRESS": voice[1],
        "OPENAI_BASE_URL": f"http://{mind[1]}/v1",
        "OPENAI_API_KEY": "none",
        "VOICECHAT_LLM__TEMPERATURE": "0",
    }
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "voicechat.api"], stdout=out, stderr=out, env=environment)
    try:
        _wait(lambda: httpx.get(f"http://127.0.0.1:{ports[1]}/readiness", timeout=2).status_code == 200)
        _wait(lambda: b"registered with LiveKit" in log.read_bytes())
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _wait(holds: Any, timeout_s: float = 90.0) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError("a part did not get ready")


def held(ops_port: int) -> int:
    """Conversations that an orchestrator holds."""
    text = httpx.get(f"http://127.0.0.1:{ops_port}/metrics", timeout=5).text
    return int(float(re.search(r"^sessions_active (\S+)", text, re.MULTILINE)[1]))  # type: ignore[index]


async def fate(person: RoomCaller, began_s: float, before: str) -> dict[str, Any]:
    """What became of one room: whether its agent stayed, or how long until the next one listened."""
    deadline_s = began_s + TAKEN_TIMEOUT_S
    while time.monotonic() < deadline_s:
        agents = [agent for agent in person.agents if agent.identity != before]
        if agents and agents[0].attributes.get("lk.agent.state") == "listening":
            return {"fate": "taken over", "after_s": round(time.monotonic() - began_s, 2)}
        await asyncio.sleep(0.05)
    return {"fate": "kept" if person.agents else "lost", "after_s": None}


async def _answered(people: list[RoomCaller], text: str) -> int:
    """How many people get an answer aloud to a typed question."""
    before = [len(person.told("voicechat.reply", status="completed")) for person in people]
    for person in people:
        await person.type(text)
    deadline_s = time.monotonic() + TAKEN_TIMEOUT_S
    while time.monotonic() < deadline_s:
        now = [len(person.told("voicechat.reply", status="completed")) for person in people]
        if all(after > old for after, old in zip(now, before, strict=True)):
            break
        await asyncio.sleep(0.1)
    return sum(after > old for after, old in zip(now, before, strict=True))


async def measure(
    stack: Stack, livekit: LiveKit, ports: tuple[int, int], directory: Path, rooms: int
) -> dict[str, Any]:
    report: dict[str, Any] = {"rooms": rooms}
    async with AsyncExitStack() as calls:
        with second_orchestrator(stack, livekit, ports, directory / "second.log") as pid:
            people = [await _enter(calls, stack) for _ in range(rooms)]
            report["shared"] = {"first": held(stack.ops_port), "second": held(ports[1])}
            report["answered_at_first"] = await _answered(people, "Say hello.")
            report["killed"] = await _after(people, lambda: os.kill(pid, signal.SIGKILL), report["shared"]["second"])
            report["answered_after_the_kill"] = await _answered(people, "Say hello again.")
        with second_orchestrator(stack, livekit, ports, directory / "second-again.log"):
            first = stack.child("voicechat.launch.alone").pid
            moved = held(stack.ops_port)
            report["drained"] = await _after(people, lambda: os.kill(first, signal.SIGTERM), moved)
            report["answered_after_the_drain"] = await _answered(people, "And once more.")
    return report


async def _enter(calls: AsyncExitStack, stack: Stack) -> RoomCaller:
    ticket = details(stack.url)
    person = await calls.enter_async_context(caller(ticket["serverUrl"], ticket["participantToken"]))
    await person.until(lambda: "listening" in person.states)
    return person


async def _after(people: list[RoomCaller], strike: Any, moving: int) -> dict[str, Any]:
    before = [person.agents[0].identity for person in people]
    began_s = time.monotonic()
    strike()
    watching = [asyncio.create_task(fate(person, began_s, old)) for person, old in zip(people, before, strict=True)]
    while sum(task.done() for task in watching) < moving and time.monotonic() - began_s < TAKEN_TIMEOUT_S:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    fates = [task.result() for task in watching if not task.cancelled()]
    kept = sum(
        person.agents != [] and person.agents[0].identity == old for person, old in zip(people, before, strict=True)
    )
    return {"rooms_of_it": moving, "taken_over_s": sorted(one["after_s"] for one in fates), "kept": kept}


def main(rooms: int) -> None:
    directory, ports = Path(tempfile.mkdtemp()), (free_port(), free_port())
    webhook = f"http://127.0.0.1:{ports[0]}/api/livekit/webhook"
    # Each event is posted to both; whichever lives takes care of it.
    livekit = start_livekit(directory, [webhook, f"http://127.0.0.1:{(api := free_port())}/api/livekit/webhook"])
    livekit.wait_until_ready()
    options = ("--mind", "embedded", "--set", "llm.temperature=0", "--port", str(api))
    stack = start_stack(directory / "up.log", *options, environment=livekit.environment)
    stack.port = api
    try:
        stack.wait_until_ready(120)
        report = asyncio.run(measure(stack, livekit, ports, directory, rooms))
        print(json.dumps({"machine": machine_spec(), **report}, indent=1))
    finally:
        stack.stop()
        livekit.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROOMS)
