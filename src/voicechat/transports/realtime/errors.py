"""What a client did wrong, as the protocol reports it."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError


class ProtocolError(Exception):
    """A client event cannot be obeyed; the connection lives on.

    `code` is for programs, `param` is the field at fault, the text is for people.
    """

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


def unsupported(param: str, message: str) -> ProtocolError:
    """A field of the protocol that this server does not have."""
    return ProtocolError("unsupported_parameter", message, param)


def from_validation(error: ValidationError, root: str = "") -> ProtocolError:
    """The most specific complaint about an event, with the path of its field."""
    complaints = error.errors(include_url=False, include_context=False)
    deepest = max(complaints, key=lambda each: len(each["loc"]))
    param = field_path(deepest["loc"], root)
    reasons = dict.fromkeys(each["msg"] for each in complaints if field_path(each["loc"], root) == param)
    code = "missing_required_parameter" if deepest["type"] == "missing" else "invalid_value"
    return ProtocolError(code, f"{param or 'the event'}: {' or '.join(reasons)}", param or None)


def field_path(loc: Iterable[str | int], root: str = "") -> str:
    """`session.tools[0].name` from a pydantic location, without the names of union members."""
    path = root
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part.isidentifier() and part.islower():
            path = f"{path}.{part}" if path else part
    return path
