"""From the bytes of a frame to a JSON object, and no further than the protocol goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic_core import from_json

from voicechat.transports.realtime.errors import ProtocolError


def parse_frame(frame: str | bytes) -> dict[str, Any]:
    """The object in a frame. Raises `ProtocolError`."""
    try:
        value = from_json(frame, allow_inf_nan=False)
    except ValueError as error:
        raise ProtocolError("invalid_json", f"the frame is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise ProtocolError("invalid_json", "an event is a JSON object with a type")
    return value


def reject_unknown_fields(event: BaseModel) -> None:
    """Raise `ProtocolError` for a field that the protocol does not know: a typing error must not pass unnoticed."""
    for path in _unknown_fields(event, ""):
        raise ProtocolError("unknown_parameter", f"there is no field {path}", path)


def _unknown_fields(value: object, path: str) -> Iterator[str]:
    if isinstance(value, BaseModel):
        prefix = f"{path}." if path else ""
        yield from (f"{prefix}{name}" for name in value.model_extra or {})
        for name in value.model_fields_set & set(type(value).model_fields):
            yield from _unknown_fields(getattr(value, name), f"{prefix}{name}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _unknown_fields(each, f"{path}[{index}]")
