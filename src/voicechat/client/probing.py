"""The synthetic caller as a process: its calls as log lines, and as metrics on a port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import asdict

import structlog
from prometheus_client import CollectorRegistry, start_http_server

from voicechat.client.errors import ClientError
from voicechat.client.probe import Outcome, Probe, ProbeOptions, ProbeResult
from voicechat.client.probe_metrics import ProbeMetrics
from voicechat.observability.exposition import leave_out_creation_times
from voicechat.process import stop_signals

log = structlog.get_logger(__name__)


def probe_once(options: ProbeOptions) -> ProbeResult:
    """Call once, and print what came of it as JSON."""
    result = asyncio.run(Probe(options).call())
    print(json.dumps(asdict(result), ensure_ascii=False))
    return result


def probe_for_ever(options: ProbeOptions, host: str, port: int) -> None:
    """Call until SIGTERM or SIGINT, showing metrics at `host:port`. Raises `ClientError` when it cannot be bound."""
    leave_out_creation_times()
    metrics = ProbeMetrics(CollectorRegistry())
    with _shown(metrics, host, port) as bound:
        log.info("probing", url=options.url, every_s=options.every_s, metrics_port=bound)
        asyncio.run(_until_stopped(options, metrics))


async def _until_stopped(options: ProbeOptions, metrics: ProbeMetrics) -> None:
    stop = asyncio.Event()
    with stop_signals(stop):
        calling = asyncio.ensure_future(_call_on(options, metrics))
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait((calling, stopping), return_when=asyncio.FIRST_COMPLETED)
        for task in (calling, stopping):
            task.cancel()
        await asyncio.wait((calling, stopping))
        if not calling.cancelled():
            calling.result()


async def _call_on(options: ProbeOptions, metrics: ProbeMetrics) -> None:
    async with aclosing(Probe(options).results()) as results:
        async for result in results:
            metrics.note(result)
            tell = log.info if result.outcome is Outcome.OK else log.warning
            tell("called", **asdict(result))


@contextmanager
def _shown(metrics: ProbeMetrics, host: str, port: int) -> Iterator[int]:
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except OSError as error:
        raise ClientError(f"{host}:{port} cannot be bound; free it, or give another with --metrics-port") from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
