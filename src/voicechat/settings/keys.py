"""The settings by name: their fields, the variables they answer to, and what they may be."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from voicechat.settings.schema import Settings

PREFIX = "VOICECHAT_"
CONFIG_VARIABLE = "VOICECHAT_CONFIG"
_NAMES = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    Path: "a path",
    SecretStr: "text",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One setting.

    Attributes:
        name: `section.field`, or `field` outside any section.
        field: Its declaration.
        variables: The environment variables it answers to; the first wins over the others.
    """

    name: str
    field: FieldInfo
    variables: tuple[str, ...]

    @property
    def type(self) -> Any:
        """The declared type without `None`."""
        return _without_none(self.field.annotation)

    @property
    def secret(self) -> bool:
        """Whether its value must never be shown."""
        return self.type is SecretStr

    @property
    def may_be_empty(self) -> bool:
        """Whether an empty file means that there is none: one is mounted where a secret may come later."""
        extra = self.field.json_schema_extra
        return isinstance(extra, dict) and bool(extra.get("may_be_empty"))

    @property
    def structured(self) -> bool:
        """Whether it is a list or a mapping, written as JSON where only text can be given."""
        return get_origin(self.type) in (list, dict)

    @property
    def legal(self) -> str:
        """What it may be, as a phrase."""
        return _legal(self.type, self.field.metadata)


@cache
def all_keys() -> dict[str, Key]:
    """Every setting by its name, in the order of declaration."""
    return {key.name: key for key in _walk(Settings, ())}


@cache
def keys_by_variable() -> dict[str, Key]:
    """Every setting by each of its variables."""
    return {variable: key for key in all_keys().values() for variable in key.variables}


def secret_values(settings: Settings) -> list[str]:
    """What the secret settings hold, so that it can be kept out of logs."""
    held = (_value(settings, key.name) for key in all_keys().values() if key.secret)
    return [value.get_secret_value() for value in held if isinstance(value, SecretStr)]


def _value(settings: BaseModel, name: str) -> Any:
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def nearest_key(name: str) -> str | None:
    """The setting that `name` was probably meant to be."""
    names = list(all_keys())
    if close := difflib.get_close_matches(name, names, n=1, cutoff=0.75):
        return close[0]
    leaf = name.rpartition(".")[2]
    leaves = {known.rpartition(".")[2]: known for known in reversed(names)}
    close = difflib.get_close_matches(leaf, leaves, n=1, cutoff=0.75)
    return leaves[close[0]] if close else next(iter(difflib.get_close_matches(name, names, n=1)), None)


def _walk(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        here = (*path, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _walk(field.annotation, here)
        else:
            yield Key(".".join(here), field, tuple(_variables(here, field)))


def _variables(path: tuple[str, ...], field: FieldInfo) -> Iterator[str]:
    if len(path) > 1:
        yield PREFIX + "__".join(path).upper()
    extra = field.json_schema_extra
    names = extra.get("env") if isinstance(extra, dict) else None
    if isinstance(names, list):
        yield from (str(name) for name in names)


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        return members[0]
    return annotation


def _legal(kind: Any, metadata: Iterable[Any]) -> str:
    origin = get_origin(kind)
    if origin is list:
        return f"a list, such as {_EXAMPLE_LIST}"
    if origin is dict:
        return f"a mapping, such as {_EXAMPLE_MAPPING}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "one of " + ", ".join(str(member.value) for member in kind)
    return _NAMES.get(kind, "text") + _bounds(metadata)


_EXAMPLE_LIST = '["a", "b"]'
_EXAMPLE_MAPPING = '{"a": "b"}'


def _bounds(metadata: Iterable[Any]) -> str:
    words = []
    for limit in metadata:
        match limit:
            case annotated_types.Ge(ge):
                words.append(f"at least {ge}")
            case annotated_types.Gt(gt):
                words.append(f"above {gt}")
            case annotated_types.Le(le):
                words.append(f"at most {le}")
            case annotated_types.Lt(lt):
                words.append(f"below {lt}")
    return " " + " and ".join(words) if words else ""
