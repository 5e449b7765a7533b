"""Every query of every rule, alert and panel, on a real Prometheus that watches a running product; prints JSON.

Redis, two workers, an orchestrator, the probe, LiveKit, Caddy and the exporters of Redis and of the machine run on
loopback; callers talk and interrupt, one of them in a room, and then everything that is counted goes wrong once. An
alert is asked without its bound, which says nothing while nothing is wrong. Beside the answers, every metric of the
reference that never moved, and what the twelve panels showed over the run, for benchmarks/peers/plot.py to draw.

python benchmarks/monitoring_queries.py
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import httpx
import yaml

from voicechat.audio.pcm import Pcm16
from voicechat.audio.resample import resample
from voicechat.bench.chaos.parts import Installation, Part, installation
from voicechat.bench.machine import machine_spec
from voicechat.bench.monitored import neighbours
from voicechat.bench.monitored.servers import Monitoring, monitored
from voicechat.client.playout import RATE_HZ
from voicechat.client.say import speech_of
from voicechat.client.talk import TalkOptions, talk
from voicechat.launch.ports import LOOPBACK, free_port
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.rpc.voicechat.tts.v1.tts_pb2_grpc import SynthesizerStub
from voicechat.settings import Settings
from voicechat.settings.keys import all_keys

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "tests"))

from support.room_caller import caller, details  # noqa: E402 - the path comes first

MONITORING = REPOSITORY / "monitoring"
VOICECHAT = str(Path(sys.executable).with_name("voicechat"))
METRICS_PORT = all_keys()["worker.metrics_port"].variables[0]
LOAD_S = 240.0
FROZEN_S = 5.0
"""More than a worker sends ahead."""
FLOOD = 48
STEP_S = 2
"""Between two points of a panel's line."""
TWELVE = 12
WORSE = ("green", "yellow", "red")
SEEN_S = 1.5
"""By then, Prometheus has asked everybody once more."""
SHOWN = 3
"""Series of each query that are printed."""
COMPARISON = re.compile(r"\s(?:>|<|==)\s(?:on \(\w+\) )?")


def queries() -> Iterator[tuple[str, str]]:
    """Where each stands, and what it asks for."""
    for rule in rules("recording-rules.yml"):
        labels = "".join(f" {value}" for value in rule.get("labels", {}).values())
        yield f"rule {rule['record']}{labels}", rule["expr"]
    for rule in rules("alerts.yml"):
        for query in without_bounds(rule["expr"]):
            yield f"alert {rule['alert']}", query
    for dashboard in sorted(MONITORING.glob("grafana/dashboards/*.json")):
        for title, query in panels(json.loads(dashboard.read_text())):
            yield f"panel {title}", query


def rules(file: str) -> list[dict[str, Any]]:
    """Of one file."""
    return [rule for group in yaml.safe_load((MONITORING / file).read_text())["groups"] for rule in group["rules"]]


def without_bounds(expression: str) -> list[str]:
    """The parts of an alert, each without what it is compared with; of what must not be absent, the thing itself."""
    parts = re.split(r"\s(?:and on \(\w*\)|and|or)\s", expression)
    bare = [COMPARISON.split(re.sub(r"^absent\((.*)\)$", r"\1", part.strip()))[0].strip() for part in parts]
    return list(dict.fromkeys(bare))


def panels(node: Any, title: str = "") -> Iterator[tuple[str, str]]:
    """Every `expr` of a dashboard, with the title that it stands under."""
    if isinstance(node, dict):
        title = node.get("title") or title
        if isinstance(node.get("expr"), str) and node["expr"]:
            yield title, re.sub(r"\$__(?:rate_interval|interval|range)", "1m", node["expr"])
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from panels(child, title)


async def still(watching: Monitoring) -> list[str]:
    """Metrics of the reference that no series has, or that are 0 wherever they are shown."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", (REPOSITORY / "docs/reference/metrics.md").read_text(), re.MULTILINE)
    found = []
    for name, kind in rows:
        asked = f"{name}_count" if kind == "histogram" else name
        if not await watching.query(f"max_over_time({asked}[1h]) != 0"):
            found.append(name)
    return found


async def load(made: Installation, watching: Monitoring, door: str) -> None:
    """People talk and interrupt; then everything that is counted goes wrong once."""
    await benches(made.realtime_url)
    head = made.orchestrators[0]
    url = f"http://{head.host}:{head.port}"
    question = resample(*await speech_of(url, "What is the capital of France?", ""), RATE_HZ)
    await call_in_a_room(url, question)
    async with httpx.AsyncClient(trust_env=False, timeout=30, verify=False) as client:
        (await client.get(f"{door}/v1/models")).raise_for_status()
        await client.post(f"{url}/synthesize", json={"text": "Hello.", "model": "nobody"})
        await client.get(f"{url}/v1/models", headers={"Host": "elsewhere.example.org"})
        async with in_conversation(made.realtime_url, question):
            speaker = await speaking(made, watching)
            await speaker.kill()
        left = next(worker for worker in made.workers if worker is not speaker)
        async with in_conversation(made.realtime_url, question):
            await speaking(made, watching)
            left.send(signal.SIGSTOP)
            await asyncio.sleep(FROZEN_S)
            left.send(signal.SIGCONT)
        many = [client.post(f"{url}/synthesize", json={"text": "A parcel came. " * 20}) for _ in range(FLOOD)]
        await asyncio.gather(*many, return_exceptions=True)
    await forget_voice(left)


async def benches(url: str) -> None:
    """The benches of conversation and of interruptions."""
    for bench in (("conversation", "--callers", "2", "--turns", "4"), ("barge-in", "--callers", "1", "--turns", "4")):
        command = (VOICECHAT, "bench", *bench, "--voices", "synthetic", "--url", url)
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        async with asyncio.timeout(LOAD_S):
            if code := await process.wait():
                raise RuntimeError(f"{' '.join(command)} ended with {code}")


async def call_in_a_room(url: str, question: Pcm16) -> None:
    """Somebody asks by WebRTC, and stays until Prometheus has seen it."""
    ticket = await asyncio.to_thread(details, url)
    async with caller(ticket["serverUrl"], ticket["participantToken"]) as person:
        await person.until(lambda: "listening" in person.states)
        await person.say(question)
        await person.until(lambda: person.told("voicechat.reply", status="completed"), 60)
        await person.until_silent()
        await asyncio.sleep(SEEN_S)


@asynccontextmanager
async def in_conversation(url: str, question: Pcm16) -> AsyncIterator[None]:
    """Somebody asks, and listens to the end."""
    talking = asyncio.ensure_future(talk(TalkOptions(url, timeout_s=30), [question]))
    try:
        yield
    finally:
        await asyncio.wait((talking,))


async def speaking(made: Installation, watching: Monitoring) -> Part:
    """The worker that speaks, once one does."""
    # What was seen last may be of somebody else.
    await asyncio.sleep(SEEN_S)
    ports = {worker.environment[METRICS_PORT]: worker for worker in made.workers}
    async with asyncio.timeout(LOAD_S):
        while not (series := await watching.query("voicechat_worker_active_streams > 0")):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)
    return ports[series[0]["metric"]["instance"].rpartition(":")[2]]


async def forget_voice(worker: Part) -> None:
    """Have a worker let its voice go, once nobody is spoken to."""
    port = worker.environment[all_keys()["worker.port"].variables[0]]
    async with grpc.aio.insecure_channel(f"{LOOPBACK}:{port}") as channel:
        request = pb.UnloadModelRequest(model_id=Settings().tts.default_model)
        async with asyncio.timeout(LOAD_S):
            while True:
                try:
                    await SynthesizerStub(channel).UnloadModel(request, timeout=10)
                    return
                except grpc.aio.AioRpcError as error:
                    if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                        raise
                await asyncio.sleep(0.2)


async def main(livekit_server: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with AsyncExitStack() as stack:

            async def started(one: neighbours.Neighbour) -> list[str]:
                stack.push_async_callback(one.part.kill)
                await one.part.start()
                return [one.target]

            rooms, livekit = neighbours.livekit(livekit_server, REPOSITORY / "configs/livekit.yaml", directory)
            targets = {"livekit": await started(rooms)}
            made = await stack.enter_async_context(installation(Settings(livekit=livekit), 2, directory))
            head = made.orchestrators[0]
            door, url = neighbours.caddy(REPOSITORY / "Caddyfile", head, directory)
            targets |= {
                "orchestrator": [f"{head.host}:{head.ops_port}"],
                "tts-worker": [f"{LOOPBACK}:{worker.environment[METRICS_PORT]}" for worker in made.workers],
                "caddy": await started(door),
                "redis": await started(neighbours.redis_exporter(redis_port(made), directory)),
                "node": await started(neighbours.node_exporter(directory)),
                "probe": await started(probe(f"http://{head.host}:{head.port}", directory)),
            }
            watching = await stack.enter_async_context(monitored(MONITORING, directory, targets, hurry=True))
            began_s = time.time()
            await load(made, watching, url)
            await asyncio.sleep(2 * SEEN_S)
            return await report(watching, began_s)


def redis_port(made: Installation) -> str:
    """Where the installation's Redis listens."""
    return made.redis.command[made.redis.command.index("--port") + 1]


def probe(url: str, directory: Path) -> neighbours.Neighbour:
    """The synthetic caller, impatient."""
    port = free_port()
    command = (VOICECHAT, "probe", "--url", url, "--every", "15", "--metrics-port", str(port))
    return neighbours.Neighbour(Part("probe", command, directory / "probe.log"), f"{LOOPBACK}:{port}")


async def report(watching: Monitoring, began_s: float) -> dict[str, Any]:
    """What each query found."""
    found = []
    for place, query in queries():
        series = await watching.query(query)
        shown = [f"{one['metric']} {one['value'][1]}" for one in series[:SHOWN]]
        found.append({"where": place, "query": query, "series": len(series), "values": shown})
    return {
        "bench": "monitoring-queries",
        "machine": machine_spec(),
        "targets": await watching.targets(),
        "queries": len(found),
        "without_data": [f"{one['where']}: {one['query']}" for one in found if not one["series"]],
        "never_moved": await still(watching),
        "found": found,
        "began_s": began_s,
        "panels": await lines(watching, began_s),
    }


async def lines(watching: Monitoring, began_s: float) -> list[dict[str, Any]]:
    """What each of the twelve panels showed over the run, with the bounds of its colours."""
    board = json.loads((MONITORING / "grafana/dashboards/tts-metrics.json").read_text())
    return [
        {
            "title": panel["title"],
            "unit": panel["fieldConfig"]["defaults"]["unit"],
            "bounds": bounds(panel),
            "stacked": panel["fieldConfig"]["defaults"].get("custom", {}).get("stacking", {}).get("mode") == "normal",
            "legend": target["legendFormat"],
            "query": target["expr"],
            "series": await watching.query_range(target["expr"], began_s, time.time(), STEP_S),
        }
        for panel in [one for one in board["panels"] if one["type"] != "row"][:TWELVE]
        for target in panel["targets"]
    ]


def bounds(panel: dict[str, Any]) -> list[tuple[float, str]]:
    """Where the colour of a panel changes, and the worse of the two that meet there."""
    steps = panel["fieldConfig"]["defaults"].get("thresholds", {"steps": []})["steps"]
    return [
        (above["value"], max(below["color"], above["color"], key=WORSE.index))
        for below, above in itertools.pairwise(steps)
    ]


if __name__ == "__main__":
    binary = subprocess.check_output([REPOSITORY / "scripts/livekit-server"], text=True).strip()
    print(json.dumps(asyncio.run(main(binary)), indent=1))
