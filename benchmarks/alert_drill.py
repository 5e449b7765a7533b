"""Things are broken on purpose, and somebody must hear of it: a real Prometheus, Alertmanager and webhook; prints JSON.

Redis, two workers and an orchestrator run on loopback. A worker is killed, another is slowed down, requests are made to
fail, Redis is killed, and at last the other worker. For each, the news that must reach the webhook, how long it took,
and what the commands of its runbook showed then, run as they stand but for the addresses.

python benchmarks/alert_drill.py [--hurry] [--brief]

With --hurry, everything is asked each second and alerts are due after two: the ways are tried, not the patience. With
--brief, what takes minutes to be an alert is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import shlex
import signal
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from voicechat.bench.chaos.parts import Installation, Part, installation
from voicechat.bench.machine import machine_spec
from voicechat.bench.monitored.servers import Monitoring, monitored
from voicechat.launch.ports import LOOPBACK
from voicechat.settings import Settings
from voicechat.settings.keys import all_keys

REPOSITORY = Path(__file__).parents[1]
HURRIED_LIMIT_S = 60.0
SLACK_S = 75.0
"""Beyond an alert's own `for`: scrapes, looks at the rules, and the wait for others of its group."""
STOPPED_S, RUNS_S = 0.2, 0.02
"""A worker that gets a tenth of the time."""
FLOOD = 64
FLOOD_AFTER_S = 60.0
"""From the slowing down, where nobody has heard of it by then: two alerts that are due after minutes wait together."""
WELL = (
    "(voicechat:workers == 2 and on () voicechat:synthesis_latency_seconds:p95 < 0.45) "
    'unless on () ALERTS{alertstate="firing"}'
)
"""Nothing is broken; the first replies of a cold voice may be late, and are few among those that follow."""
WELL_S = 180.0
OPS, PROMETHEUS = "http://localhost:8081", "http://localhost:9090"
"""Where runbooks look."""
COMMAND_S = 30.0
CAUSES = {
    "WorkerGone": r'up\{[^}]*job="tts-worker"\} => 0 ',
    "HighSynthesisLatency": r"p95 => (?:0\.[5-9]|[1-9])",
    "HighErrorRate": r'reason="resource_exhausted"',
    "RedisUnreachable": r'"redis":\{"ok":false',
    "NoWorkerReachable": r'"worker":\{"ok":false',
}
"""What the commands of a page must show."""
TEXT = "The parcel should reach you before noon, and if it does not, please call again."


@dataclass(slots=True)
class Traffic:
    """Replies that are asked for all the time, and how they went."""

    url: str
    callers: int = 1
    done: int = 0
    failed: int = 0

    async def run(self) -> None:
        """Ask until cancelled."""
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client, asyncio.TaskGroup() as group:
            for number in range(FLOOD):
                group.create_task(self._call(client, number))

    async def _call(self, client: httpx.AsyncClient, number: int) -> None:
        while True:
            if number < self.callers:
                await self._ask(client)
            await asyncio.sleep(0.25)

    async def _ask(self, client: httpx.AsyncClient) -> None:
        with contextlib.suppress(httpx.HTTPError):
            answer = await client.post(f"{self.url}/synthesize", json={"text": TEXT})
            self.done += answer.status_code == 200
            self.failed += answer.status_code != 200


@asynccontextmanager
async def slowed(worker: Part) -> AsyncIterator[None]:
    """A worker that gets little of the processor."""

    async def hold_up() -> None:
        while True:
            worker.send(signal.SIGSTOP)
            await asyncio.sleep(STOPPED_S)
            worker.send(signal.SIGCONT)
            await asyncio.sleep(RUNS_S)

    holding = asyncio.ensure_future(hold_up())
    try:
        yield
    finally:
        holding.cancel()
        await asyncio.wait((holding,))
        worker.send(signal.SIGCONT)


class Drill:
    """One installation that is broken bit by bit."""

    def __init__(
        self, broken: Installation, watching: Monitoring, traffic: Traffic, *, hurry: bool, brief: bool
    ) -> None:
        self._broken = broken
        self._watching = watching
        self._traffic = traffic
        self._hurry = hurry
        self._brief = brief
        self._began_s = time.monotonic()
        self.news: list[dict[str, Any]] = []

    async def run(self) -> None:
        """Break everything in turn."""
        first, second = self._broken.workers
        await self._after("a worker is killed", second.kill, "WorkerGone")
        if not self._brief:
            await self._slowly(first)
        await self._after("Redis is killed", self._broken.redis.kill, "RedisUnreachable")
        await self._after("the last worker is killed", first.kill, "NoWorkerReachable")

    async def _slowly(self, worker: Part) -> None:
        async with slowed(worker), asyncio.TaskGroup() as group:
            slowly = self._after("the other gets a tenth of the processor", _nothing, "HighSynthesisLatency")
            await asyncio.wait((group.create_task(slowly),), timeout=FLOOD_AFTER_S)
            self._traffic.callers = FLOOD
            await self._after("more is asked for than it can speak", _nothing, "HighErrorRate")
        self._traffic.callers = 1

    async def _after(self, what: str, deed: Callable[[], Awaitable[None]], alert: str) -> None:
        began_s = time.monotonic()
        await deed()
        limit_s = HURRIED_LIMIT_S if self._hurry else due_s(alert) + SLACK_S
        # What was broken before may have had this effect already.
        told = await self._watching.told(alert, self._began_s, limit_s)
        self.news.append(
            {
                "broken": what,
                "alert": alert,
                "limit_s": limit_s,
                "told_after_s": None if told is None else round(told.at_s - began_s, 1),
                "receiver": None if told is None else told.receiver,
                "description": None if told is None else told.annotations["description"],
                "runbook": (shown := {command: await self._shown(command) for command in runbook_commands(alert)}),
                "shows_the_cause": re.search(CAUSES[alert], "\n".join(shown.values())) is not None,
            }
        )
        print(json.dumps(self.news[-1], indent=2), file=sys.stderr)

    async def _shown(self, command: str) -> str:
        """What a command of a page says here."""
        command = command.replace(PROMETHEUS, self._watching.url)
        command = command.replace(OPS, self._broken.orchestrators[0].ops_url)
        asked = await asyncio.create_subprocess_exec(*shlex.split(command), stdout=PIPE, stderr=STDOUT)
        async with asyncio.timeout(COMMAND_S):
            said, _ = await asked.communicate()
        return said.decode()


async def _nothing() -> None:
    """It is broken already."""


def due_s(alert: str) -> float:
    """How long an alert waits before it fires."""
    groups = yaml.safe_load((REPOSITORY / "monitoring/alerts.yml").read_text())["groups"]
    waits = next(rule["for"] for group in groups for rule in group["rules"] if rule.get("alert") == alert)
    number, unit = re.fullmatch(r"(\d+)([sm])", waits).groups()  # type: ignore[union-attr]
    return float(number) * {"s": 1, "m": 60}[unit]


def runbook_commands(alert: str) -> list[str]:
    """What its page says to ask the product and Prometheus; there are no containers here to ask."""
    page = (REPOSITORY / "docs/runbooks" / f"{alert}.md").read_text()
    return re.findall(r"^(?:curl|promtool) .*$", page, re.MULTILINE)


def targets(broken: Installation) -> dict[str, list[str]]:
    """Whom Prometheus asks."""
    variable = all_keys()["worker.metrics_port"].variables[0]
    return {
        "orchestrator": [f"{one.host}:{one.ops_port}" for one in broken.orchestrators],
        "tts-worker": [f"{LOOPBACK}:{worker.environment[variable]}" for worker in broken.workers],
    }


async def main(*, hurry: bool, brief: bool) -> dict[str, Any]:
    settings = Settings.model_validate({"redis": {"heartbeat_s": 1.0}})
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with (
            installation(settings, 2, directory) as broken,
            monitored(REPOSITORY / "monitoring", directory, targets(broken), hurry=hurry) as watching,
        ):
            head = broken.orchestrators[0]
            traffic = Traffic(f"http://{head.host}:{head.port}")
            asking = asyncio.ensure_future(traffic.run())
            await watching.until(WELL, WELL_S)
            before = [one.alert for one in watching.webhook.told]
            drill = Drill(broken, watching, traffic, hurry=hurry, brief=brief)
            try:
                await drill.run()
            finally:
                asking.cancel()
                await asyncio.wait((asking,))
            return {
                "bench": "alert_drill",
                "machine": machine_spec(),
                "options": {"hurry": hurry, "brief": brief},
                "targets": await watching.targets(),
                "told_before_anything_broke": before,
                "replies": {"spoken": traffic.done, "failed": traffic.failed},
                "news": drill.news,
                "told": [f"{one.alert} {one.status} to {one.receiver}" for one in watching.webhook.told],
            }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hurry", action="store_true")
    parser.add_argument("--brief", action="store_true")
    print(json.dumps(asyncio.run(main(**vars(parser.parse_args()))), indent=2))
