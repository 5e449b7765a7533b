"""A room without a network: tests let things happen in it, and read what the agent did."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from voicechat.audio.pcm import Pcm16
from voicechat.transports.rooms.port import FunctionError, RoomEvent, TakeSound


class FakeWords:
    """A text stream: what was written, and how it ended."""

    def __init__(self, attributes: Mapping[str, str]) -> None:
        self.attributes = dict(attributes)
        self.text = ""
        self.is_closed = False

    async def write(self, text: str) -> None:
        """Keep."""
        self.text += text

    async def close(self, attributes: Mapping[str, str]) -> None:
        """End."""
        self.attributes.update(attributes)
        self.is_closed = True


class FakeRoom:
    """A `Room` that records."""

    identity = "agent-1"

    def __init__(self) -> None:
        self.listened: str | None = None
        self.take: TakeSound | None = None
        self.played: list[Pcm16] = []
        self.silences = 0
        self.attributes: list[dict[str, str]] = []
        self.streams: list[FakeWords] = []
        self.sent_words: list[tuple[str, str, dict[str, str]]] = []
        self.sent_events: list[dict[str, Any]] = []
        self.functions: dict[str, str] = {}
        self.called: list[tuple[str, str, str]] = []
        self._events: asyncio.Queue[RoomEvent | None] = asyncio.Queue()

    def happen(self, *events: RoomEvent) -> None:
        """Let these things happen."""
        for event in events:
            self._events.put_nowait(event)

    def vanish(self) -> None:
        """Let the room be gone."""
        self._events.put_nowait(None)

    async def events(self) -> AsyncIterator[RoomEvent]:
        """What happened."""
        while (event := await self._events.get()) is not None:
            yield event

    def listen_to(self, identity: str | None, take: TakeSound) -> None:
        """Remember whom."""
        self.listened, self.take = identity, take

    async def heard_by(self, timeout_s: float) -> bool:
        """At once."""
        return True

    async def play(self, pcm: Pcm16) -> None:
        """Keep."""
        self.played.append(pcm)

    def fall_silent(self) -> None:
        """Count."""
        self.silences += 1

    async def set_attributes(self, attributes: Mapping[str, str]) -> None:
        """Keep."""
        self.attributes.append(dict(attributes))

    async def open_words(self, attributes: Mapping[str, str]) -> FakeWords:
        """Keep a stream."""
        self.streams.append(FakeWords(attributes))
        return self.streams[-1]

    async def send_words(self, text: str, speaker: str, attributes: Mapping[str, str]) -> None:
        """Keep."""
        self.sent_words.append((text, speaker, dict(attributes)))

    async def send_event(self, event: str) -> None:
        """Keep."""
        self.sent_events.append(json.loads(event))

    async def call_function(self, identity: str, name: str, arguments: str) -> str:
        """Answer as `functions` says."""
        self.called.append((identity, name, arguments))
        if name not in self.functions:
            raise FunctionError(f"there is no {name}")
        return self.functions[name]

    def track_of(self, identity: str) -> str:
        """A name."""
        return f"track of {identity}"

    async def leave(self) -> None:
        """Be gone."""
        self.vanish()
