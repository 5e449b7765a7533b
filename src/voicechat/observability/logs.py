"""Logs: one line an event, on the standard error stream, from our loggers and the libraries' alike."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from pydantic import SecretStr
from structlog.processors import ExceptionRenderer
from structlog.stdlib import ProcessorFormatter
from structlog.tracebacks import ExceptionDictTransformer
from structlog.types import EventDict, Processor, WrappedLogger

from voicechat.settings import LoggingSettings

# Libraries that install handlers of their own, or talk too much at our level.
_OWN_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "livekit", "livekit.agents", "grpc")
_TALKATIVE = (
    *("httpx", "httpx2", "httpcore", "httpcore2", "openai", "websockets"),
    *("asyncio", "uvicorn.access", "numba", "faster_whisper"),
)
_SECRET_WORDS = ("secret", "password", "token", "api_key", "authorization")
_NOT_SECRET = ("max_tokens", "input_tokens", "output_tokens", "total_tokens", "history_tokens", "tokens")
_HIDDEN = "**********"
# A frame's local variables may hold secrets.
_PLAIN_FRAMES = ExceptionDictTransformer(show_locals=False)


def configure_logging(settings: LoggingSettings, service: str, stream: TextIO | None = None) -> None:
    """Sends every log line of this process to `stream`; calling it again replaces what the last call did.

    Args:
        settings: The least level, and whether lines are JSON (None: text on a terminal, JSON elsewhere).
        service: Name of the process, a field of every JSON line.
        stream: Where to; None for the standard error stream.

    Lines carry what `structlog.contextvars` holds, such as session and turn. Values of type SecretStr, and values whose
    name says that they are secret, are never written.
    """
    out = stream or sys.stderr
    json_lines = settings.json_lines if settings.json_lines is not None else not out.isatty()
    shared = _shared_processors(service if json_lines else "")
    _configure_structlog(shared)
    _configure_stdlib(settings.level.value, _formatter(shared, json_lines, colours=out.isatty()), out)


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


def _formatter(shared: list[Processor], json_lines: bool, *, colours: bool) -> ProcessorFormatter:
    tail: list[Processor] = [ProcessorFormatter.remove_processors_meta]
    if json_lines:
        tail += [ExceptionRenderer(_PLAIN_FRAMES), structlog.processors.JSONRenderer(default=str)]
    else:
        plain = structlog.dev.plain_traceback
        tail += [structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=0, exception_formatter=plain)]
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


def hide_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replaces what must not be read in a log, at any depth of mappings and lists."""
    for key, value in event.items():
        if not key.startswith("_"):
            event[key] = _hidden(key, value)
    return event


def _hidden(key: str, value: Any) -> Any:
    if isinstance(value, SecretStr) or (isinstance(value, str) and _names_a_secret(key)):
        return _HIDDEN
    if isinstance(value, Mapping):
        return {name: _hidden(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(key, inner) for inner in value]
    return value


def _names_a_secret(key: str) -> bool:
    lowered = key.lower()
    return lowered not in _NOT_SECRET and any(word in lowered for word in _SECRET_WORDS)


class _ServiceName:
    """Adds the process's name to lines that are read far away from it."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _: WrappedLogger, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if self._service:
            event.setdefault("service", self._service)
        return event
