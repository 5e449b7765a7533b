"""One server in this process: the orchestrator or the worker, as `voicechat orchestrator` and `worker` run them."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import NoReturn

from voicechat.launch.ports import check_free
from voicechat.settings import Settings, load_settings


def run_orchestrator(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code. Raises `PortInUseError` before anything is loaded."""
    from voicechat.observability.logs import configure_logging

    check_orchestrator_ports(settings)
    configure_logging(settings.logging, "orchestrator")
    from voicechat.api.serve import serve

    asyncio.run(serve(settings))
    return 0


def check_orchestrator_ports(settings: Settings) -> None:
    """Raise `PortInUseError` unless both of the orchestrator's ports are free."""
    server = settings.server
    check_free(server.host, server.port, "--port")
    check_free(server.host, server.health_check_port, "--ops-port")


def run_worker(settings: Settings) -> NoReturn:
    """Become the worker process, so that this one never holds its engines.

    Raises `PortInUseError` before anything is loaded.
    """
    from voicechat.launch.environment import child_environment
    from voicechat.launch.services import VOICE_SECTIONS

    check_free(settings.worker.host, settings.worker.port, "--port")
    check_free(settings.worker.host, settings.worker.metrics_port, "--metrics-port")
    sys.stdout.flush()
    os.execve(
        sys.executable,
        [sys.executable, "-m", "voicechat.tts"],
        child_environment(settings, VOICE_SECTIONS, os.environ),
    )


if __name__ == "__main__":
    sys.exit(run_orchestrator(load_settings()))
