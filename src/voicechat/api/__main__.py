"""`python -m voicechat.api [FILE.yaml]`: the orchestrator process alone, configured by file and environment."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import structlog

from voicechat.access.exposure import ExposedError
from voicechat.access.store import KeyStoreError
from voicechat.api.parts import PartError
from voicechat.api.serve import serve
from voicechat.api.servers import BindError
from voicechat.asr.port import EarsError
from voicechat.llm.find import MindError
from voicechat.models.errors import ModelError
from voicechat.observability.logs import configure_logging
from voicechat.observability.traces import exported_traces
from voicechat.settings import SettingsError, load_settings
from voicechat.settings.keys import secret_values

log = structlog.get_logger(__name__)


def main(arguments: list[str]) -> int:
    """Run the orchestrator; `arguments` may name a YAML file. Returns the exit code."""
    try:
        settings = load_settings(Path(arguments[0]) if arguments else None)
        configure_logging(settings.logging, "orchestrator", secrets=secret_values(settings))
        with exported_traces(settings.tracing, "orchestrator"):
            asyncio.run(serve(settings))
    except (
        SettingsError,
        ExposedError,
        KeyStoreError,
        BindError,
        EarsError,
        MindError,
        ModelError,
        PartError,
    ) as error:
        log.error("the orchestrator did not start", reason=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
