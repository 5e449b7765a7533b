"""Settings handed to child processes: through their environment, and only the sections they need."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any

from pydantic import SecretStr

from voicechat.settings import Settings
from voicechat.settings.keys import CONFIG_VARIABLE, PREFIX, all_keys, keys_by_variable


def child_environment(settings: Settings, sections: Collection[str], environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without anything that configures us, plus every setting of `sections` as it is in `settings`.

    The section "" holds the settings outside any section.

    A child thus sees exactly what its parent decided, and no secret of another part.
    """
    ours = {*keys_by_variable(), CONFIG_VARIABLE}
    inherited = {
        name: value
        for name, value in environ.items()
        if name not in ours and name.removesuffix("_FILE") not in ours and not name.startswith(PREFIX)
    }
    return inherited | dict(_variables(settings, sections))


def _variables(settings: Settings, sections: Collection[str]) -> list[tuple[str, str]]:
    given = []
    for name, key in all_keys().items():
        section, _, field = name.rpartition(".")
        if section in sections:
            value = getattr(getattr(settings, section) if section else settings, field)
            # An empty variable counts as unset.
            if value is not None and value != "":
                given.append((key.variables[0], _as_text(value)))
    return given


def _as_text(value: Any) -> str:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case Enum():
            return str(value.value)
        case bool():
            return "true" if value else "false"
        case list() | dict():
            return json.dumps(value)
        case _:
            return str(value)
