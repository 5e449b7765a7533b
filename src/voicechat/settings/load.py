"""Reads the settings: defaults, then the YAML file, then the environment, then the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from voicechat.settings.env_source import read_environment
from voicechat.settings.errors import Problem, SettingsError
from voicechat.settings.given import Given, Reading
from voicechat.settings.keys import CONFIG_VARIABLE, Key, all_keys, nearest_key
from voicechat.settings.schema import Settings
from voicechat.settings.yaml_source import read_yaml

COMMAND_LINE = "command line"


def load_settings(
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings of this process.

    Args:
        config: The YAML file; None for the one that `VOICECHAT_CONFIG` names, if it names one.
        environ: The environment; None for the process's own.
        overrides: What the command line gave, by `section.field`; a None means that it was not given.

    Raises:
        SettingsError: Any key is unknown or any value illegal; the error tells all of them.
    """
    environ = os.environ if environ is None else environ
    path = config or (Path(named).expanduser() if (named := environ.get(CONFIG_VARIABLE)) else None)
    readings = [
        *([read_yaml(path)] if path else []),
        read_environment(environ),
        _read_overrides(overrides or {}),
    ]
    given = {item.key: item for reading in readings for item in reading.given}
    problems = [problem for reading in readings for problem in reading.problems]
    settings, illegal = _validate(given)
    if settings is None or problems:
        raise SettingsError([*problems, *illegal])
    return settings


def _read_overrides(overrides: Mapping[str, Any]) -> Reading:
    reading = Reading()
    for name, value in overrides.items():
        if name not in all_keys():
            near = nearest_key(name)
            reading.refuse(COMMAND_LINE, name, "is unknown" + (f"; did you mean {near}?" if near else ""))
        elif value is not None:
            reading.take(name, value, COMMAND_LINE)
    return reading


def _validate(given: Mapping[str, Given]) -> tuple[Settings | None, list[Problem]]:
    try:
        return Settings.model_validate(_nest(given.values())), []
    except ValidationError as error:
        return None, [_explain(details["loc"], details["msg"], given) for details in error.errors()]


def _nest(given: Iterable[Given]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for item in given:
        section, dot, field = item.key.rpartition(".")
        target = document.setdefault(section, {}) if dot else document
        target[field] = _parse(all_keys()[item.key], item.value)
    return document


def _parse(key: Key, value: Any) -> Any:
    """Text as the setting's type would have it written; what cannot be parsed is left for the validation to refuse."""
    if not isinstance(value, str):
        return value
    if key.structured:
        try:
            return json.loads(value)
        except ValueError:
            return value
    if isinstance(key.type, type) and issubclass(key.type, Enum):
        return next((member for member in key.type if str(member.value).lower() == value.strip().lower()), value)
    return value


def _explain(location: tuple[int | str, ...], message: str, given: Mapping[str, Given]) -> Problem:
    names = [str(part) for part in location]
    for depth in (2, 1):
        name = ".".join(names[:depth])
        if name in given:
            return _illegal(all_keys()[name], given[name])
    # A rule between settings: name all of the section's that were given.
    section = names[0] if names else ""
    involved = [item for item in given.values() if item.key.startswith(f"{section}.") or not section]
    origins = ", ".join(dict.fromkeys(item.origin for item in involved))
    return Problem(origins or "defaults", section, message.removeprefix("Value error, "))


def _illegal(key: Key, given: Given) -> Problem:
    shown = "the secret" if key.secret else repr(given.value) if given.value is not None else "nothing"
    return Problem(given.origin, key.name, f"{shown} is not allowed; use {key.legal}")
