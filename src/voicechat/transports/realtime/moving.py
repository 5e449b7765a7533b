"""Sessions that move: kept, under a token, while their client is between a process that ends and another.

A process that drains sends `voicechat.session.moved` with a token. A client that knows what that means finishes what it
is hearing, sends `voicechat.session.leave`, connects again, and shows the token; others stay until the process ends.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Protocol

from voicechat.conversation.items import Item, Message, ToolCall, ToolOutput
from voicechat.transports.realtime.protocol import Wire

KEPT_S = 60
"""How long a session is kept for its client, s."""
MAX_RECORD_CHARS = 4_000_000


class MoveError(Exception):
    """A session cannot be kept, or not be looked for, at the moment; the text says why."""


@dataclass(frozen=True, slots=True)
class MovedSession:
    """What another process needs to go on.

    Attributes:
        id: Of the session.
        owner: Id of the API key that opened it, which must open it again; None where none was needed.
        session: Its configuration, as `session.created` shows it.
        items: The conversation, as the client has seen it.
    """

    id: str
    owner: str | None
    session: Wire
    items: Sequence[Wire]

    @property
    def past(self) -> list[Item]:
        """The conversation, as the mind is told of it."""
        return list(_past(self.items))


class MoveStore(Protocol):
    """Keeps records for `KEPT_S`, where other processes find them. Raises `MoveError`."""

    async def put(self, name: str, record: str) -> None:
        """Keep a record."""

    async def get(self, name: str) -> str | None:
        """The record, unless it is unknown or its time is over."""

    async def drop(self, name: str) -> None:
        """Forget it."""


class Moves:
    """Sends sessions on and takes them in. Records are stored under a digest: who reads names cannot resume."""

    def __init__(self, store: MoveStore) -> None:
        self._store = store
        self._begun = asyncio.Event()

    def begin(self) -> None:
        """Ask sessions to move: this process ends soon."""
        self._begun.set()

    async def begun(self) -> None:
        """Return once they are asked to."""
        await self._begun.wait()

    async def keep(self, token: str, moved: MovedSession) -> None:
        """Keep a session for who shows `token`. Raises `MoveError`."""
        record = json.dumps(asdict(moved))
        if len(record) > MAX_RECORD_CHARS:
            raise MoveError(f"a conversation of {len(record)} characters is too long to be moved; begin another")
        await self._store.put(_name(token), record)

    async def find(self, token: str, owner: str | None) -> MovedSession | None:
        """The session that `token` stands for, if it was `owner`'s. Raises `MoveError`."""
        record = await self._store.get(_name(token))
        moved = None if record is None else MovedSession(**json.loads(record))
        return moved if moved is not None and moved.owner == owner else None

    async def drop(self, token: str) -> None:
        """The session goes on: nobody else may take it. Raises `MoveError`."""
        await self._store.drop(_name(token))


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(24)


def _name(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _past(items: Sequence[Wire]) -> Iterator[Item]:
    for item in items:
        match item["type"]:
            case "message":
                if words := _words(item):
                    yield Message(item["id"], item["role"], words)
            case "function_call":
                yield ToolCall(item["id"], item["call_id"], item["name"], item["arguments"])
            case "function_call_output":
                yield ToolOutput(item["id"], item["call_id"], item["output"])


def _words(item: Wire) -> str:
    return "".join(part.get("transcript") or part.get("text") or "" for part in item["content"])
