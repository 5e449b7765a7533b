"""Settings out of a YAML file, each with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from voicechat.settings.given import Reading
from voicechat.settings.keys import all_keys, nearest_key


def read_yaml(path: Path) -> Reading:
    """Reads `path`: a mapping of sections, each a mapping of fields."""
    reading = Reading()
    try:
        with path.open(encoding="utf-8") as stream:
            root = yaml.compose(stream, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        reading.refuse(str(path), "", f"cannot be read ({getattr(error, 'strerror', None) or error})")
        return reading
    except yaml.YAMLError as error:
        reading.refuse(str(path), "", f"is not YAML ({' '.join(str(error).split())})")
        return reading
    if root is not None:
        _read_mapping(reading, path, root, ())
    return reading


def _read_mapping(reading: Reading, path: Path, node: yaml.Node, parents: tuple[str, ...]) -> None:
    if not isinstance(node, yaml.MappingNode):
        if not _is_empty(node):
            reading.refuse(_place(path, node), ".".join(parents), "must be a mapping of names to values")
        return
    seen: set[str] = set()
    for key_node, value in node.value:
        key = ".".join((*parents, str(key_node.value)))
        if key in seen:
            reading.refuse(_place(path, key_node), key, "is given twice; keep one")
        seen.add(key)
        _read_value(reading, path, key, key_node, value)


def _read_value(reading: Reading, path: Path, key: str, key_node: yaml.Node, value: yaml.Node) -> None:
    place = _place(path, key_node)
    if key in _sections():
        _read_mapping(reading, path, value, (key,))
    elif key in all_keys():
        try:
            reading.take(key, _construct(value), place)
        except yaml.YAMLError as error:
            reading.refuse(place, key, f"is not plain YAML ({' '.join(str(error).split())})")
    else:
        reading.refuse(place, key, _unknown(key, value))


def _unknown(key: str, value: yaml.Node) -> str:
    candidates = [key]
    if isinstance(value, yaml.MappingNode) and value.value:
        candidates = [f"{key}.{child.value}" for child, _ in value.value]
    near = next((near for candidate in candidates if (near := nearest_key(candidate))), None)
    if near is None:
        return f"is unknown; known sections are {', '.join(sorted(_sections()))}"
    if isinstance(value, yaml.MappingNode):
        near = near.partition(".")[0]
    return f"is unknown; did you mean {near}?"


def _sections() -> set[str]:
    return {section for name in all_keys() for section, dot, _ in [name.partition(".")] if dot}


def _construct(node: yaml.Node) -> Any:
    return yaml.constructor.SafeConstructor().construct_document(node)


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _place(path: Path, node: yaml.Node) -> str:
    return f"{path}:{node.start_mark.line + 1}"
