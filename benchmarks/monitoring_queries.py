"""Every query of every rule, alert and panel, on a real Prometheus that watches a running product; prints JSON.

Redis, two workers, an orchestrator, the probe and node-exporter run on loopback; callers talk to them and interrupt. An
alert is asked without its bound, which says nothing while nothing is wrong. At the end, every metric of the reference
that never moved.

python benchmarks/monitoring_queries.py
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
import yaml

from voicechat.audio.pcm import Pcm16
from voicechat.audio.resample import resample
from voicechat.bench.chaos.parts import Installation, Part, installation
from voicechat.bench.machine import machine_spec
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
MONITORING = REPOSITORY / "monitoring"
VOICECHAT = str(Path(sys.executable).with_name("voicechat"))
METRICS_PORT = all_keys()["worker.metrics_port"].variables[0]
LOAD_S = 240.0
FROZEN_S = 5.0
"""More than a worker sends ahead."""
FLOOD = 48
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


async def load(made: Installation, watching: Monitoring) -> None:
    """People talk and interrupt; then everything that is counted goes wrong once."""
    for bench in (("conversation", "--callers", "2", "--turns", "3"), ("barge-in", "--callers", "1", "--turns", "3")):
        command = (VOICECHAT, "bench", *bench, "--voices", "synthetic", "--url", made.realtime_url)
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        async with asyncio.timeout(LOAD_S):
            await process.wait()
    head = made.orchestrators[0]
    url = f"http://{head.host}:{head.port}"
    question = resample(*await speech_of(url, "What is the capital of France?", ""), RATE_HZ)
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
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
    """Have a worker let its voice go."""
    port = worker.environment[all_keys()["worker.port"].variables[0]]
    async with grpc.aio.insecure_channel(f"{LOOPBACK}:{port}") as channel:
        request = pb.UnloadModelRequest(model_id=Settings().tts.default_model)
        await SynthesizerStub(channel).UnloadModel(request, timeout=10)


async def main() -> dict[str, Any]:
    node_port, probe_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with AsyncExitStack() as stack:
            made = await stack.enter_async_context(installation(Settings(), 2, directory))
            head = made.orchestrators[0]
            exporter = shutil.which("prometheus-node-exporter") or "node_exporter"
            probe = (VOICECHAT, "probe", "--url", f"http://{head.host}:{head.port}", "--every", "15")
            for part in (
                Part("node", (exporter, f"--web.listen-address={LOOPBACK}:{node_port}"), directory / "node.log"),
                Part("probe", (*probe, "--metrics-port", str(probe_port)), directory / "probe.log"),
            ):
                stack.push_async_callback(part.kill)
                await part.start()
            targets = {
                "orchestrator": [f"{head.host}:{head.ops_port}"],
                "tts-worker": [f"{LOOPBACK}:{worker.environment[METRICS_PORT]}" for worker in made.workers],
                "probe": [f"{LOOPBACK}:{probe_port}"],
                "node": [f"{LOOPBACK}:{node_port}"],
            }
            watching = await stack.enter_async_context(monitored(MONITORING, directory, targets, hurry=True))
            await load(made, watching)
            await asyncio.sleep(2 * SEEN_S)
            return await report(watching)


async def report(watching: Monitoring) -> dict[str, Any]:
    """What each query found."""
    found = []
    for place, query in queries():
        series = await watching.query(query)
        shown = [f"{one['metric']} {one['value'][1]}" for one in series[:SHOWN]]
        found.append({"where": place, "query": query, "series": len(series), "values": shown})
    return {
        "bench": "monitoring_queries",
        "machine": machine_spec(),
        "queries": len(found),
        "without_data": [f"{one['where']}: {one['query']}" for one in found if not one["series"]],
        "never_moved": await still(watching),
        "found": found,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main()), indent=2))
