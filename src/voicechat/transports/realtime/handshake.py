"""What a client asks for while it opens a Realtime connection, before the first event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

SUBPROTOCOL = "realtime"
RESUME_SUBPROTOCOL = "voicechat-resume."
"""Goes before the token of a session that moved: addresses end up in logs, subprotocols do not."""
OFF = frozenset({"0", "false", "off", "no"})


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client said while it connected, and the id of the API key that it showed, if any."""

    model: str
    subprotocol: str | None
    session: Mapping[str, Any]
    extensions: bool
    intent: str = "conversation"
    resume_token: str | None = None
    owner: str | None = None


def read_handshake(
    query: Mapping[str, str], subprotocols: Iterable[str], fixed: Mapping[str, Any], owner: str | None = None
) -> Handshake:
    """Understand a connection's opening; `fixed` is the session that its client secret stands for."""
    offered = list(subprotocols)
    tokens = (each.removeprefix(RESUME_SUBPROTOCOL) for each in offered if each.startswith(RESUME_SUBPROTOCOL))
    return Handshake(
        model=query.get("model") or fixed.get("model") or "gpt-realtime",
        subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None,
        session=fixed,
        intent=query.get("intent", "conversation"),
        extensions=query.get("voicechat", "on").lower() not in OFF,
        resume_token=next(tokens, None),
        owner=owner,
    )
