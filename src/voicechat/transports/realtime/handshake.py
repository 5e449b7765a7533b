"""Who opens a Realtime connection, and what it asks for before the first event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from voicechat.transports.realtime.tokens import PREFIX, ClientSecrets

SUBPROTOCOL = "realtime"
KEY_SUBPROTOCOL = "openai-insecure-api-key."
OFF = frozenset({"0", "false", "off", "no"})


class UnauthorizedError(Exception):
    """The credential is not valid; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client said while it connected."""

    model: str
    subprotocol: str | None
    session: Mapping[str, Any]
    extensions: bool
    intent: str = "conversation"


def read_handshake(
    query: Mapping[str, str], headers: Mapping[str, str], subprotocols: Iterable[str], client_secrets: ClientSecrets
) -> Handshake:
    """Understand a connection's opening. Raises `UnauthorizedError` for a client secret that is not valid."""
    offered = list(subprotocols)
    session = _session_of(_credential(headers, offered), client_secrets)
    return Handshake(
        model=query.get("model") or session.get("model") or "gpt-realtime",
        subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None,
        session=session,
        intent=query.get("intent", "conversation"),
        extensions=query.get("voicechat", "on").lower() not in OFF,
    )


def _credential(headers: Mapping[str, str], offered: list[str]) -> str | None:
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value:
        return value.strip()
    return next((each.removeprefix(KEY_SUBPROTOCOL) for each in offered if each.startswith(KEY_SUBPROTOCOL)), None)


def _session_of(credential: str | None, client_secrets: ClientSecrets) -> Mapping[str, Any]:
    if credential is None or not credential.startswith(PREFIX):
        return {}
    secret = client_secrets.find(credential)
    if secret is None:
        raise UnauthorizedError("the client secret is unknown or expired; ask /v1/realtime/client_secrets for another")
    return secret.session
