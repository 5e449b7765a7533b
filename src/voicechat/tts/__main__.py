"""`python -m voicechat.tts`: the worker process alone, configured by file and environment."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from voicechat.observability.logs import configure_logging
from voicechat.observability.traces import exported_traces
from voicechat.settings import SettingsError, load_settings
from voicechat.settings.keys import secret_values


def main(arguments: list[str]) -> int:
    """Run a worker; `arguments` may name a YAML file.

    One JSON line on standard output says when it can speak, and where; logs go to standard error.
    """
    try:
        settings = load_settings(Path(arguments[0]) if arguments else None)
    except SettingsError as error:
        return _refuse(error)
    configure_logging(settings.logging, "worker", secrets=secret_values(settings))
    from voicechat.access.exposure import ExposedError
    from voicechat.models.errors import ModelError
    from voicechat.tts.engine import EngineError
    from voicechat.tts.serve import serve

    host = settings.worker.host
    try:
        with exported_traces(settings.tracing, "worker"):
            asyncio.run(serve(settings, ready=lambda port: _announce(f"{host}:{port}")))
    except (EngineError, ExposedError, ModelError, OSError) as error:
        return _refuse(error)
    return 0


def _announce(address: str) -> None:
    print(json.dumps({"event": f"ready {address}", "address": address}), flush=True)


def _refuse(error: Exception) -> int:
    print(f"worker: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
