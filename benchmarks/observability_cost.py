"""What it costs to be seen: processor time of a spoken turn, observed and not, turn about; and of one scrape. JSON.

Two installations of a worker and an orchestrator run side by side, one of them without counting and logging. A caller
asks the same question of the one and the other, in pairs whose order alternates. The observed one writes its log as
JSON and is scraped every 15 s meanwhile, as Prometheus would. Time is what the processes used.

python benchmarks/observability_cost.py [--pairs 10] [SECTION.KEY=VALUE ...]     settings of the observed one alone

With --pairs 0, only the scrapes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx
import psutil

from voicechat.audio.pcm import Pcm16
from voicechat.audio.resample import resample
from voicechat.bench.chaos.parts import Installation, Orchestrator, Part, installation, until_ready
from voicechat.bench.machine import machine_spec
from voicechat.client.playout import RATE_HZ
from voicechat.client.say import speech_of
from voicechat.client.talk import TalkOptions, talk
from voicechat.settings import load_settings
from voicechat.settings.keys import all_keys

QUESTION = "What is the capital of France?"
TURNS = 1
"""In each half of a pair."""
SCRAPES = 40
BETWEEN_SCRAPES_S = 1.1
SCRAPED_EVERY_S = 15.0
MOST_MS = 10.0
MOST_RATIO = 1.05


class Side:
    """One installation, asked."""

    def __init__(self, made: Installation, *, scraped: bool) -> None:
        self.head = made.orchestrators[0]
        self.url = f"http://{self.head.host}:{self.head.port}"
        self._realtime_url = made.realtime_url
        self._parts = (self.head.part, *made.workers)
        self._scraped = scraped

    async def cpu_s_of_a_turn(self, question: Pcm16) -> float:
        """Processor time of both processes for one turn, s."""
        before_s = self._cpu_s()
        async with self._being_scraped():
            report = await talk(TalkOptions(self._realtime_url), [question] * TURNS)
        answered = sum(bool(turn.assistant) for turn in report.turns)
        if report.errors or answered != TURNS:
            raise RuntimeError(f"{answered} of {TURNS} turns were answered: {report.errors}")
        return (self._cpu_s() - before_s) / TURNS

    def _cpu_s(self) -> float:
        return sum(cpu_s(part) for part in self._parts)

    @asynccontextmanager
    async def _being_scraped(self) -> AsyncIterator[None]:
        if not self._scraped:
            yield
            return
        asking = asyncio.ensure_future(self._scrape())
        try:
            yield
        finally:
            asking.cancel()
            await asyncio.wait((asking,))

    async def _scrape(self) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                await client.get(f"{self.head.ops_url}/metrics")
                await asyncio.sleep(SCRAPED_EVERY_S)


def cpu_s(part: Part) -> float:
    """What a process and its children have used."""
    assert part.process is not None
    process = psutil.Process(part.process.pid)
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)


async def unobserved(made: Installation) -> None:
    """Have its processes begin again, without counting and logging."""
    wrapper = str(Path(__file__).with_name("unobserved.py"))
    for part in (*made.workers, made.orchestrators[0].part):
        await part.kill()
        part.command = (sys.executable, wrapper, part.command[-1])
        await part.start()
    await made.until_registered(*(worker.name for worker in made.workers))
    await until_ready(made.orchestrators[0])


async def scrapes_ms(head: Orchestrator) -> dict[str, list[float]]:
    """How long `/metrics` takes, what of it the orchestrator computed, and how long it waited for a processor.

    What waits is the thread that makes the text, or the event loop: others had both processors.
    """
    taken: dict[str, list[float]] = {"answered": [], "computed": [], "waited": []}
    connection = await asyncio.open_connection(head.host, head.ops_port)
    for _ in range(SCRAPES):
        await asyncio.sleep(BETWEEN_SCRAPES_S)
        before = scheduled_ms(head.part)
        taken["answered"].append(await answered_ms(connection, head, "/metrics"))
        after = scheduled_ms(head.part)
        spent = [(ran - before[thread][0], waited - before[thread][1]) for thread, (ran, waited) in after.items()]
        taken["computed"].append(sum(ran for ran, _ in spent))
        taken["waited"].append(max(waited for _, waited in spent))
    connection[1].close()
    return taken


def scheduled_ms(part: Part) -> dict[str, tuple[float, float]]:
    """For each thread of a process and of its children, how long it ran and how long it waited to, by Linux."""
    assert part.process is not None
    process = psutil.Process(part.process.pid)
    found: dict[str, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for one in (process, *process.children(recursive=True)):
        for thread in Path(f"/proc/{one.pid}/task").iterdir():
            ran_ns, waited_ns, _ = (thread / "schedstat").read_text().split()
            found[thread.name] = int(ran_ns) / 1e6, int(waited_ns) / 1e6
    return found


async def answered_ms(
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], head: Orchestrator, path: str
) -> float:
    """From a request on a connection that is kept, as Prometheus keeps it, to the last byte of the answer."""
    reader, writer = connection
    began_s = time.perf_counter()
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {head.host}:{head.ops_port}\r\n\r\n".encode())
    headers = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"^content-length: (\d+)", headers, re.IGNORECASE | re.MULTILINE)
    assert length is not None, headers
    await reader.readexactly(int(length[1]))
    return (time.perf_counter() - began_s) * 1000


async def main(pairs: int, overrides: dict[str, str]) -> dict[str, Any]:
    logs = {all_keys()["logging.json_lines"].variables[0]: "true"}
    with tempfile.TemporaryDirectory() as name:
        async with AsyncExitStack() as stack:
            sides = []
            for kind in ("on", "off") if pairs else ("on",):
                directory = Path(name) / kind
                directory.mkdir()
                settings = load_settings(None, logs, overrides if kind == "on" else {})
                made = await stack.enter_async_context(installation(settings, 1, directory))
                if kind == "off":
                    await unobserved(made)
                sides.append(Side(made, scraped=kind == "on"))
            on, off = sides[0], sides[-1]
            question = resample(*await speech_of(on.url, QUESTION, ""), RATE_HZ)
            for side in sides:
                await side.cpu_s_of_a_turn(question)
            found = []
            for number in range(pairs):
                order = (on, off) if number % 2 == 0 else (off, on)
                spent = {side: await side.cpu_s_of_a_turn(question) for side in order}
                found.append({"on_s": round(spent[on], 4), "off_s": round(spent[off], 4)})
                print(found[-1], file=sys.stderr)
            return report(found, await scrapes_ms(on.head), overrides)


def report(
    found: list[dict[str, float]], scraped_ms: dict[str, list[float]], overrides: dict[str, str]
) -> dict[str, Any]:
    """With the bars."""
    spent_ms = {what: summed(taken) for what, taken in scraped_ms.items()}
    bars = [
        {"what": f"/metrics, {rank}, ms", "value": spent_ms["answered"][rank], "at_most": MOST_MS}
        for rank in ("p50", "p95")
    ]
    if found:
        ratio = median(pair["on_s"] / pair["off_s"] for pair in found)
        bars.append({"what": "CPU of a turn, on by off, median", "value": round(ratio, 4), "at_most": MOST_RATIO})
    return {
        "bench": "observability_cost",
        "machine": machine_spec(),
        "options": {"pairs": len(found), "turns": TURNS, "settings": overrides},
        "bars": bars,
        "metrics_ms": spent_ms,
        "pairs": found,
    }


def summed(taken_ms: list[float]) -> dict[str, float]:
    """Median, 95th percentile and most."""
    ranks = {"p50": median(taken_ms), "p95": quantiles(taken_ms, n=20)[-1], "most": max(taken_ms)}
    return {name: round(value, 2) for name, value in ranks.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("settings", nargs="*", metavar="SECTION.KEY=VALUE")
    given = parser.parse_args()
    print(json.dumps(asyncio.run(main(given.pairs, dict(one.split("=", 1) for one in given.settings))), indent=2))
