"""What a client asks for while it opens a Realtime connection, before the first event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

SUBPROTOCOL = "realtime"
OFF = frozenset({"0", "false", "off", "no"})


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client said while it connected."""

    model: str
    subprotocol: str | None
    session: Mapping[str, Any]
    extensions: bool
    intent: str = "conversation"


def read_handshake(query: Mapping[str, str], subprotocols: Iterable[str], fixed: Mapping[str, Any]) -> Handshake:
    """Understand a connection's opening; `fixed` is the session that its client secret stands for."""
    return Handshake(
        model=query.get("model") or fixed.get("model") or "gpt-realtime",
        subprotocol=SUBPROTOCOL if SUBPROTOCOL in subprotocols else None,
        session=fixed,
        intent=query.get("intent", "conversation"),
        extensions=query.get("voicechat", "on").lower() not in OFF,
    )
