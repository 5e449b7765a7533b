"""The shapes of what is sent: ids, items, and server events built with the types of the `openai` package."""

from __future__ import annotations

import secrets
from typing import Any, TypeVar, get_args

from openai.types.realtime import RealtimeError, RealtimeErrorEvent
from pydantic import BaseModel, ConfigDict

Wire = dict[str, Any]
"""A JSON object of the protocol."""
MAX_MESSAGE_CHARS = 1000
"""Complaints quote what the client sent; a long quotation helps nobody."""

Event = TypeVar("Event", bound=BaseModel)


class ExtensionEvent(BaseModel):
    """An event of ours. Stock clients meet it as one of an unknown type and pass over it."""

    model_config = ConfigDict(extra="allow")

    event_id: str
    type: str


def new_id(prefix: str) -> str:
    """A fresh id, such as `event_5f0c…`."""
    return f"{prefix}_{secrets.token_hex(10)}"


def build(kind: type[Event], **fields: Any) -> Event:
    """A server event of this kind, with a fresh id; its type is the kind's only one."""
    (event_type,) = get_args(kind.model_fields["type"].annotation)
    return kind.model_validate({"event_id": new_id("event"), "type": event_type, **fields})


def extension(event_type: str, **fields: Any) -> ExtensionEvent:
    """An event of ours."""
    return ExtensionEvent(event_id=new_id("event"), type=event_type, **fields)


def encode(event: BaseModel) -> str:
    """The text of a server event."""
    return event.model_dump_json(exclude_unset=True)


def error_event(
    message: str,
    *,
    code: str | None,
    param: str | None = None,
    client_event_id: str | None = None,
    kind: str = "invalid_request_error",
) -> RealtimeErrorEvent:
    """The protocol's complaint; `client_event_id` names the event at fault."""
    error = RealtimeError(
        type=kind,
        code=code,
        message=_shortened(message),
        param=param and _shortened(param),
        event_id=client_event_id,
    )
    return RealtimeErrorEvent(type="error", event_id=new_id("event"), error=error)


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE_CHARS else f"{text[: MAX_MESSAGE_CHARS - 1]}…"


def function_call(item_id: str, call_id: str, name: str, arguments: str, status: str = "completed") -> Wire:
    """The assistant asks for a function to be run."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


def function_call_output(item_id: str, call_id: str, output: str) -> Wire:
    """What the function returned."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "function_call_output",
        "status": "completed",
        "call_id": call_id,
        "output": output,
    }


def message(item_id: str, role: str, content: list[Wire], status: str = "completed") -> Wire:
    """What somebody said or wrote."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": role,
        "content": content,
    }
