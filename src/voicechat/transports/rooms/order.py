"""What a dispatch says to the orchestrator that takes it: the metadata of LiveKit's job, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from voicechat.conversation.port import HistoryItem

log = structlog.get_logger(__name__)

MAX_WORDS_CHARS = 16_000
"""History that goes along when a room is handed over; the oldest stays behind."""


class Said(BaseModel):
    """One item of a conversation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["user", "assistant", "system"]
    text: str


class Order(BaseModel):
    """How a room is to be served.

    Attributes:
        key: Id of the API key that the room counts for; None where none was needed.
        session: What the conversation starts with, as in `/v1/realtime/client_secrets`.
        takes_over: Identity of the agent that hands the room over; empty for a room without one.
        caller: Identity of the person it was talking with.
        said: The conversation so far.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str | None = None
    session: dict[str, Any] = Field(default_factory=dict)
    takes_over: str = ""
    caller: str = ""
    said: tuple[Said, ...] = ()

    def encode(self) -> str:
        """As metadata."""
        return self.model_dump_json(exclude_defaults=True)

    def afresh(self) -> Order:
        """For an agent that begins anew, with the same key and session."""
        return Order(key=self.key, session=self.session)

    def continued(self, by: str, caller: str, history: Sequence[HistoryItem]) -> Order:
        """For the agent that goes on where `by` stopped."""
        return self.afresh().model_copy(update={"takes_over": by, "caller": caller, "said": _recent(history)})


def read_order(metadata: str) -> Order:
    """The order in a job's metadata; metadata of somebody else's making is no order, and the room gets the defaults."""
    if not metadata:
        return Order()
    try:
        return Order.model_validate_json(metadata)
    except ValidationError as error:
        log.warning("metadata of a dispatch is not ours and is ignored", problems=error.error_count())
        return Order()


def _recent(history: Sequence[HistoryItem]) -> tuple[Said, ...]:
    kept: list[Said] = []
    left = MAX_WORDS_CHARS
    for item in reversed(history):
        left -= len(item.text)
        if left < 0:
            break
        # What functions answered has shaped the words that followed it, and belongs to calls that are over.
        if item.role != "tool" and item.text:
            kept.append(Said(role=item.role, text=item.text))
    return tuple(reversed(kept))
