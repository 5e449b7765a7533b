"""Names of rooms."""

from __future__ import annotations

import secrets

ROOM_PREFIX = "voicechat-"
ROOM_BYTES = 16
ROOM_NAME = rf"{ROOM_PREFIX}[A-Za-z0-9_-]{{22}}"
"""128 random bits: whoever knows the name of a room was told it."""


def new_room_name() -> str:
    """A name that nobody guesses."""
    return ROOM_PREFIX + secrets.token_urlsafe(ROOM_BYTES)
