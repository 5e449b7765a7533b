"""Asks a real Prometheus every query of the dashboard while a real product talks; prints query, series and value.

python benchmarks/panels.py QUESTION.wav [--seconds 90] [--output RESULT.json]

Needs `prometheus` and `prometheus-node-exporter` on the PATH. The product is `voicechat up` with the embedded mind; the
load is two callers who ask a recorded question again and again, speech by HTTP, and requests that fail. Draw the result
with benchmarks/peers/plot.py.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.stack import Stack, free_port, start_stack, talk  # noqa: E402 - the path comes first

BOARD = ROOT / "monitoring" / "grafana" / "dashboards" / "tts-metrics.json"
STEP_S = 5
CONFIG = """
global: {{ scrape_interval: 2s, scrape_timeout: 2s }}
scrape_configs:
  - {{ job_name: orchestrator, static_configs: [{{ targets: ["127.0.0.1:{ops}"] }}] }}
  - {{ job_name: worker, static_configs: [{{ targets: ["127.0.0.1:{worker}"] }}] }}
  - {{ job_name: node, static_configs: [{{ targets: ["127.0.0.1:{node}"] }}] }}
"""


def panels() -> Iterator[tuple[str, str, str]]:
    """Title, legend and query of everything that the dashboard asks."""
    for panel in json.loads(BOARD.read_text())["panels"]:
        for inner in panel["panels"] if panel["type"] == "row" else [panel]:
            for target in inner["targets"]:
                yield inner["title"], target["legendFormat"], target["expr"]


def worker_metrics_port(stack: Stack) -> int:
    """The worker of `up` listens for metrics on a free port: the one that speaks HTTP and is not gRPC's."""
    for connection in stack.child("voicechat.tts").net_connections():
        with suppress(httpx.HTTPError):
            if (
                connection.status == "LISTEN"
                and httpx.get(f"http://127.0.0.1:{connection.laddr.port}/metrics").is_success
            ):
                return int(connection.laddr.port)
    raise LookupError("the worker shows no metrics")


@contextmanager
def started(command: list[str], log: Path) -> Iterator[None]:
    """A process, while the block runs."""
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            yield
        finally:
            process.terminate()


def load(stack: Stack, recording: Path, end_s: float) -> None:
    """Talk and speak until `end_s`."""
    text = {"text": "A sentence that is spoken for the sake of its figures. And a second one."}
    while time.monotonic() < end_s:
        talk(stack.realtime_url, recording)
        httpx.post(f"{stack.url}/synthesize", json=text, timeout=60).raise_for_status()
        httpx.post(f"{stack.url}/synthesize", json={**text, "model": "nobody"}, timeout=60)


def ask(prometheus: str, query: str, begin_s: float, end_s: float) -> list[dict[str, Any]]:
    """The series of a query over the run."""
    asked = {"query": query, "start": begin_s, "end": end_s, "step": STEP_S}
    answer = httpx.get(f"{prometheus}/api/v1/query_range", params=asked, timeout=30).raise_for_status().json()
    series: list[dict[str, Any]] = answer["data"]["result"]
    return series


def run(seconds: float, recording: Path) -> dict[str, Any]:
    """The product under load, then every query."""
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        stack = start_stack(directory / "up.log", "--mind", "embedded", "--set", "llm.max_output_tokens=32")
        try:
            stack.wait_until_ready(180)
            port, node = free_port(), free_port()
            ports = {"ops": stack.ops_port, "worker": worker_metrics_port(stack), "node": node}
            (directory / "prometheus.yml").write_text(CONFIG.format(**ports))
            files = [f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data"]
            prometheus = ["prometheus", *files, f"--web.listen-address=127.0.0.1:{port}"]
            exporter = ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{node}"]
            with started(prometheus, directory / "prometheus.log"), started(exporter, directory / "node.log"):
                begin_s = time.time()
                with ThreadPoolExecutor(2) as callers:
                    done = [callers.submit(load, stack, recording, time.monotonic() + seconds) for _ in range(2)]
                for caller in done:
                    caller.result()
                time.sleep(5)
                asked = [(title, legend, query) for title, legend, query in panels()]
                return {
                    "bench": "panels",
                    "seconds": seconds,
                    "panels": [
                        {
                            "title": title,
                            "legend": legend,
                            "query": query,
                            "series": ask(f"http://127.0.0.1:{port}", query, begin_s, time.time()),
                        }
                        for title, legend, query in asked
                    ],
                }
        finally:
            stack.stop()


def main() -> int:
    """Print, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path, help="WAV with a spoken question")
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    result = run(given.seconds, given.recording)
    for panel in result["panels"]:
        last = [(series["metric"], series["values"][-1][1]) for series in panel["series"]]
        print(f"{panel['title']} | {panel['query']} | {len(last)} series | {last[:3]}")
    if given.output:
        given.output.write_text(json.dumps(result, indent=1) + "\n")
    silent = sorted({panel["title"] for panel in result["panels"] if not panel["series"]})
    print(f"without data: {', '.join(silent) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
