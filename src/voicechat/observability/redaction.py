"""What must not be read in a log: secrets by name, by form and by value, and what people say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import SecretStr
from structlog.types import EventDict, WrappedLogger

HIDDEN = "**********"
LEAST_SECRET_CHARS = 6
"""Shorter values, such as `none`, are words that would be hidden everywhere."""

_SECRET_WORDS = ("secret", "password", "token", "api_key", "authorization")
_NOT_SECRET = ("max_tokens", "input_tokens", "output_tokens", "total_tokens", "history_tokens", "tokens")
_SPOKEN = frozenset({"text", "words", "said", "heard", "instructions"})
_FORMS = (
    # Of our own keys, the id may be read: it says whose it was.
    (re.compile(r"\b(vc-[0-9a-f]{12}-)[A-Za-z0-9_-]{20,}"), rf"\1{HIDDEN}"),
    (re.compile(r"\b((?:ek_|sk-))[A-Za-z0-9_-]{8,}"), rf"\1{HIDDEN}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+"), HIDDEN),
    (re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}"), rf"\1{HIDDEN}"),
    (re.compile(r"""(://[^\s/:@"'\\]*:)[^\s/@"'\\]+(@)"""), rf"\1{HIDDEN}\2"),
)


def hide_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replaces secret values, known by type or by name, at any depth of mappings and lists."""
    for key, value in event.items():
        if not key.startswith("_"):
            event[key] = _hidden(key, value, _names_a_secret)
    return event


def hide_transcripts(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replaces what people say and are told, known by name, at any depth."""
    for key, value in event.items():
        if not key.startswith("_"):
            event[key] = _hidden(key, value, _names_speech)
    return event


class Redactor:
    """Hides secrets in a finished line, wherever they stand: by their form, and the `secrets` by their value."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {secret for secret in secrets if len(secret) >= LEAST_SECRET_CHARS}
        written = known | {json.dumps(secret)[1:-1] for secret in known}
        longest_first = sorted(written, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, longest_first))) if written else None

    def __call__(self, _: WrappedLogger, __: str, rendered: Any) -> str:
        """The rendered line as it may be read."""
        line = str(rendered)
        if self._values is not None:
            line = self._values.sub(HIDDEN, line)
        for form, shown in _FORMS:
            line = form.sub(shown, line)
        return line


def _hidden(key: str, value: Any, is_secret: Any) -> Any:
    if isinstance(value, SecretStr) or (isinstance(value, str) and is_secret(key)):
        return HIDDEN
    if isinstance(value, Mapping):
        return {name: _hidden(str(name), inner, is_secret) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(key, inner, is_secret) for inner in value]
    return value


def _names_a_secret(key: str) -> bool:
    lowered = key.lower()
    return lowered not in _NOT_SECRET and any(word in lowered for word in _SECRET_WORDS)


def _names_speech(key: str) -> bool:
    lowered = key.lower()
    return lowered in _SPOKEN or "transcript" in lowered
