"""A real Prometheus and a real Alertmanager, watching what runs on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from voicechat.bench.chaos.parts import Part
from voicechat.bench.monitored.config import Targets, write_files
from voicechat.bench.monitored.programs import program
from voicechat.bench.monitored.webhook import Told, Webhook, listening
from voicechat.bench.systems.port import BenchError
from voicechat.bench.systems.process import last_lines
from voicechat.launch.ports import LOOPBACK, free_port

READY_S = 60.0
_POLL_S = 0.1
_OF_A_JOB = {
    "answered": "sum by (job) (max_over_time(up[1h]))",
    "series": 'count by (job) (last_over_time({job=~".+"}[1h]))',
    "scrape_ms_p50": "1000 * max by (job) (quantile_over_time(0.5, scrape_duration_seconds[1h]))",
    "scrape_ms_p95": "1000 * max by (job) (quantile_over_time(0.95, scrape_duration_seconds[1h]))",
}


@dataclass(frozen=True, slots=True)
class Monitoring:
    """What watches.

    Attributes:
        url: Of Prometheus.
        client: Asks it.
        webhook: Is told of alerts.
    """

    url: str
    client: httpx.AsyncClient
    webhook: Webhook

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query, each with `metric` and `value`. Raises `BenchError` when it is none."""
        found = await self._ask("query", {"query": expression})
        # A scalar is a series without a name.
        return found["result"] if found["resultType"] == "vector" else [{"metric": {}, "value": found["result"]}]

    async def query_range(self, expression: str, begin_s: float, end_s: float, step_s: float) -> list[dict[str, Any]]:
        """The series of a query over time (since the epoch), each with `metric` and `values`. Raises `BenchError`."""
        asked = {"query": expression, "start": str(begin_s), "end": str(end_s), "step": str(step_s)}
        series: list[dict[str, Any]] = (await self._ask("query_range", asked))["result"]
        return series

    async def _ask(self, what: str, parameters: dict[str, str]) -> dict[str, Any]:
        answer = (await self.client.get(f"{self.url}/api/v1/{what}", params=parameters)).json()
        if answer["status"] != "success":
            raise BenchError(f"{parameters['query']}: {answer['error']}")
        found: dict[str, Any] = answer["data"]
        return found

    async def targets(self) -> dict[str, dict[str, float]]:
        """For each job: how many targets answered in the last hour, their series, and how long Prometheus waited."""
        seen: dict[str, dict[str, float]] = {}
        for name, query in _OF_A_JOB.items():
            for one in await self.query(query):
                seen.setdefault(one["metric"].get("job", ""), {})[name] = round(float(one["value"][1]), 1)
        return seen

    async def until(self, expression: str, timeout_s: float) -> None:
        """Wait until a query has a result. Raises `BenchError`."""
        try:
            async with asyncio.timeout(timeout_s):
                while not await self.query(expression):  # noqa: ASYNC110 - it can only be asked
                    await asyncio.sleep(_POLL_S)
        except TimeoutError as error:
            raise BenchError(f"{expression} had no result within {timeout_s:g} s") from error

    async def told(self, alert: str, since_s: float, timeout_s: float) -> Told | None:
        """Wait for the news of an alert; None where it did not come in time."""
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        while (news := self.webhook.first(alert, since_s)) is None:
            if asyncio.get_running_loop().time() > deadline_s:
                return None
            await asyncio.sleep(_POLL_S)
        return news


@asynccontextmanager
async def monitored(source: Path, directory: Path, targets: Targets, *, hurry: bool) -> AsyncIterator[Monitoring]:
    """Watch `targets` with the files of `source`, until the context is left. Raises `BenchError` where it cannot."""
    prometheus, alertmanager = program("prometheus"), program("prometheus-alertmanager", "alertmanager")
    ports = free_port(), free_port()
    addresses = [f"{LOOPBACK}:{port}" for port in ports]
    watched = {**targets, "prometheus": [addresses[0]], "alertmanager": [addresses[1]]}
    async with AsyncExitStack() as stack:
        webhook = stack.enter_context(listening())
        files = write_files(source, directory, watched, addresses[1], webhook.url, hurry=hurry)
        for name, command in {
            "alertmanager": (
                alertmanager,
                f"--config.file={files.alertmanager}",
                f"--storage.path={directory / 'alertmanager'}",
                f"--web.listen-address={addresses[1]}",
                "--cluster.listen-address=",
            ),
            "prometheus": (
                prometheus,
                f"--config.file={files.prometheus}",
                f"--storage.tsdb.path={directory / 'prometheus'}",
                f"--web.listen-address={addresses[0]}",
                "--enable-feature=exemplar-storage",
            ),
        }.items():
            part = Part(name, command, directory / f"{name}.log")
            stack.push_async_callback(part.kill)
            await part.start()
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=10))
        for address, name in zip(addresses, ("prometheus", "alertmanager"), strict=True):
            await _until_ready(client, f"http://{address}/-/ready", directory / f"{name}.log")
        yield Monitoring(f"http://{addresses[0]}", client, webhook)


async def _until_ready(client: httpx.AsyncClient, url: str, log: Path) -> None:
    try:
        async with asyncio.timeout(READY_S):
            while not await _answers(client, url):  # noqa: ASYNC110 - it can only be asked
                await asyncio.sleep(_POLL_S)
    except TimeoutError as error:
        raise BenchError(f"{url} was not ready within {READY_S:g} s; last words: {last_lines(log)}") from error


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.HTTPError:
        return False
