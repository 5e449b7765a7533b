"""`python -m voicechat.tts`: the worker process alone, configured by file and environment."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import structlog

from voicechat.settings import SettingsError, load_settings
from voicechat.tts.engine import EngineError
from voicechat.tts.serve import serve


def main(arguments: list[str]) -> int:
    """Run a worker; `arguments` may name a YAML file. One JSON line on standard output says when it is ready."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )
    log = structlog.get_logger()
    try:
        settings = load_settings(Path(arguments[0]) if arguments else None)
        host = settings.worker.host
        asyncio.run(serve(settings, ready=lambda port: log.info(f"ready {host}:{port}", host=host, port=port)))
    except (SettingsError, EngineError, OSError) as error:
        log.error("worker did not start", reason=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
