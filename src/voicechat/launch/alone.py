"""One server in this process: the orchestrator or the worker, as `voicechat orchestrator` and `worker` run them."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import NoReturn

import structlog

from voicechat.launch.ports import check_free
from voicechat.settings import Settings, load_settings
from voicechat.settings.keys import secret_values


def run_orchestrator(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code. Raises `PortInUseError` before anything is loaded."""
    from voicechat.observability.logs import configure_logging
    from voicechat.observability.traces import exported_traces

    configure_logging(settings.logging, "orchestrator", secrets=secret_values(settings))
    check_orchestrator_ports(settings)
    from voicechat.api.serve import serve

    with exported_traces(settings.tracing, "orchestrator"):
        asyncio.run(serve(settings))
    return 0


def check_orchestrator_ports(settings: Settings) -> None:
    """Raise `PortInUseError` unless both of the orchestrator's ports are free."""
    server = settings.server
    check_free(server.host, server.port, "--port")
    check_free(server.ops_host, server.health_check_port, "--ops-port")


def run_worker(settings: Settings) -> NoReturn:
    """Become the worker process, so that this one never holds its engines.

    Raises `PortInUseError` or `ExposedError` before anything is loaded.
    """
    from voicechat.access.exposure import check_worker
    from voicechat.launch.environment import child_environment
    from voicechat.launch.services import WORKER_SECTIONS

    check_worker(settings)
    check_free(settings.worker.host, settings.worker.port, "--port")
    check_free(settings.worker.host, settings.worker.metrics_port, "--metrics-port")
    sys.stdout.flush()
    os.execve(
        sys.executable,
        [sys.executable, "-m", "voicechat.tts"],
        child_environment(settings, WORKER_SECTIONS, os.environ),
    )


def main() -> int:
    """Run the orchestrator as the environment configures it; a failure is one log line and exit code 1."""
    settings = load_settings()
    try:
        return run_orchestrator(settings)
    except Exception as error:
        log = structlog.get_logger(__name__)
        if type(error).__module__.startswith("voicechat."):
            log.error("orchestrator did not start", reason=str(error))
        else:
            log.exception("orchestrator broke", reason=f"{type(error).__name__}: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
