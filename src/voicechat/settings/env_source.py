"""Settings out of environment variables."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path

from voicechat.settings.given import Reading
from voicechat.settings.keys import CONFIG_VARIABLE, PREFIX, Key, all_keys, keys_by_variable

_FILE = "_FILE"
# Kubernetes puts these into every pod for a service whose name begins with "voicechat".
_SERVICE_LINK = re.compile(r"VOICECHAT_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_LINK_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


def read_environment(environ: Mapping[str, str]) -> Reading:
    """Reads the variables that settings answer to; an empty variable counts as unset.

    Secrets may stand in a file instead: `OPENAI_API_KEY_FILE` names it. Where a setting answers to several variables,
    the long form `VOICECHAT_SECTION__FIELD` wins.
    """
    reading = Reading()
    present = {name: value for name, value in environ.items() if value}
    for key in all_keys().values():
        # The last one taken wins.
        for variable in reversed(key.variables):
            _read_variable(reading, key, variable, present)
    for name, value in sorted(present.items()):
        if name.startswith(PREFIX) and not _is_known(name, value):
            reading.refuse(name, name, _unknown(name))
    return reading


def _read_variable(reading: Reading, key: Key, variable: str, environ: Mapping[str, str]) -> None:
    pointer = variable + _FILE
    path = environ.get(pointer) if key.secret else None
    if path and variable in environ:
        reading.refuse(pointer, key.name, f"stands beside {variable}; set one of the two")
    elif path:
        _read_secret(reading, key, pointer, Path(path))
    elif variable in environ:
        reading.take(key.name, environ[variable], variable)


def _read_secret(reading: Reading, key: Key, pointer: str, path: Path) -> None:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reading.refuse(pointer, key.name, f"cannot read {path} ({getattr(error, 'strerror', None) or error})")
        return
    if secret:
        reading.take(key.name, secret, pointer)
    elif not key.may_be_empty:
        reading.refuse(pointer, key.name, f"{path} is empty; write the secret into it or unset {pointer}")


def _is_known(name: str, value: str) -> bool:
    variables = keys_by_variable()
    if name == CONFIG_VARIABLE or name in variables:
        return True
    base = variables.get(name.removesuffix(_FILE)) if name.endswith(_FILE) else None
    linked = _SERVICE_LINK.fullmatch(name) or (name.endswith("_PORT") and _LINK_ADDRESS.match(value))
    return bool((base and base.secret) or linked)


def _unknown(name: str) -> str:
    names = [*keys_by_variable(), CONFIG_VARIABLE]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"is unknown; did you mean {near[0]}?" if near else "is unknown; unset it"
