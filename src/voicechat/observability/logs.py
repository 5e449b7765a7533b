"""Logs: one line an event, on the standard error stream, from our loggers and the libraries' alike."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.processors import ExceptionRenderer
from structlog.stdlib import ProcessorFormatter
from structlog.tracebacks import ExceptionDictTransformer
from structlog.types import Processor, WrappedLogger

from voicechat.observability.redaction import Redactor, hide_secrets, hide_transcripts
from voicechat.settings import LoggingSettings

# Libraries that install handlers of their own, or talk too much at our level.
_OWN_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "livekit", "livekit.agents", "grpc")
_TALKATIVE = (
    *("httpx", "httpx2", "httpcore", "httpcore2", "openai", "websockets"),
    *("asyncio", "uvicorn.access", "numba", "faster_whisper"),
)
# A frame's local variables may hold secrets.
_PLAIN_FRAMES = ExceptionDictTransformer(show_locals=False)


def configure_logging(
    settings: LoggingSettings, service: str, stream: TextIO | None = None, *, secrets: Iterable[str] = ()
) -> None:
    """Sends every log line of this process to `stream`; calling it again replaces what the last call did.

    Args:
        settings: The least level, and whether lines are JSON (None: text on a terminal, JSON elsewhere).
        service: Name of the process, a field of every JSON line.
        stream: Where to; None for the standard error stream.
        secrets: Values that are never written, wherever they turn up.

    Lines carry what `structlog.contextvars` holds, such as session and turn. Values of type SecretStr, values whose
    name says that they are secret, and what has the form of a key or token are never written; nor, unless
    `settings.transcripts`, is what people say.
    """
    if settings.grpc_verbosity is not None:
        # Its library reads the variable when it is first used, and writes past us.
        os.environ["GRPC_VERBOSITY"] = settings.grpc_verbosity.value
    out = stream or sys.stderr
    json_lines = settings.json_lines if settings.json_lines is not None else not out.isatty()
    shared = _shared_processors(service if json_lines else "")
    if not settings.transcripts:
        shared.append(hide_transcripts)
    _configure_structlog(shared)
    formatter = _formatter(shared, json_lines, Redactor(secrets), colours=out.isatty())
    _configure_stdlib(settings.level.value, formatter, out)


def _shared_processors(service: str) -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _ServiceName(service),
        hide_secrets,
    ]


def _configure_structlog(shared: list[Processor]) -> None:
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _formatter(shared: list[Processor], json_lines: bool, redactor: Redactor, *, colours: bool) -> ProcessorFormatter:
    tail: list[Processor] = [ProcessorFormatter.remove_processors_meta]
    if json_lines:
        tail += [ExceptionRenderer(_PLAIN_FRAMES), structlog.processors.JSONRenderer(default=str)]
    else:
        plain = structlog.dev.plain_traceback
        tail += [structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=0, exception_formatter=plain)]
    # Last, so that tracebacks and what libraries put into their texts pass through it as well.
    tail.append(redactor)
    return ProcessorFormatter(foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared], processors=tail)


def _configure_stdlib(level: str, formatter: logging.Formatter, out: TextIO) -> None:
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _OWN_HANDLERS:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    logging.captureWarnings(True)


class _ServiceName:
    """Adds the process's name to lines that are read far away from it."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _: WrappedLogger, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if self._service:
            event.setdefault("service", self._service)
        return event
