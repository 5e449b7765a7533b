"""Names of rooms, and of the part that a participant has in one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

ROOM_PREFIX = "voicechat-"
ROOM_BYTES = 16
ROOM_NAME = rf"{ROOM_PREFIX}[A-Za-z0-9_-]{{22}}"
"""128 random bits: whoever knows the name of a room was told it."""

ROLE, FUNCTIONS = "voicechat.role", "functions"
"""Attribute of a program that runs the functions of a conversation. It stands in the token, which only we can sign."""


def new_room_name() -> str:
    """A name that nobody guesses."""
    return ROOM_PREFIX + secrets.token_urlsafe(ROOM_BYTES)


def runs_functions(attributes: Mapping[str, str]) -> bool:
    """Whether a participant with these attributes is there to run functions, and nobody to talk with."""
    return attributes.get(ROLE) == FUNCTIONS
