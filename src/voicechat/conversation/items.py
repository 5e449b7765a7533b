"""What a conversation consists of: things said or written, calls of functions, and what those gave."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Literal

Role = Literal["user", "assistant", "system"]


def new_id(prefix: str) -> str:
    """An identifier that no other item has."""
    return f"{prefix}_{secrets.token_hex(9)}"


@dataclass(frozen=True, slots=True)
class Message:
    """Something said or written."""

    id: str
    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The assistant asks the client to run a function."""

    id: str
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """What the function gave."""

    id: str
    call_id: str
    output: str


Item = Message | ToolCall | ToolOutput
