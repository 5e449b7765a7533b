"""The words of both sides as LiveKit shows them: text streams on `lk.transcription`, one segment an utterance or reply.

Streams of the same segment replace each other. A reply's grows while it is spoken; where it was cut, another says what
was heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from voicechat.transports.rooms.port import Room, RoomError, WordsStream

log = structlog.get_logger(__name__)

SEGMENT, TRACK, IS_FINAL = "lk.segment_id", "lk.transcribed_track_id", "lk.transcription_final"
MAX_WAITING = 256
"""Pieces of text between the conversation and a slow network; beyond, words are lost and sound is not."""


class Words:
    """Sends words in order while `run` runs; nothing that is told to it waits for the network."""

    def __init__(self, room: Room, caller: str) -> None:
        self._room = room
        self._caller = caller
        self._queue: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue(MAX_WAITING)
        self._shown: set[str] = set()
        self._replies: dict[str, WordsStream] = {}

    def person_said(self, item_id: str, text: str, *, is_final: bool) -> None:
        """The person's words as they are understood so far."""
        if is_final:
            self._shown.discard(item_id)
        else:
            self._shown.add(item_id)
        self._send(text, item_id, self._caller, is_final=is_final)

    def person_said_nothing(self, item_id: str) -> None:
        """What was heard became no turn: words that were shown are taken back."""
        if item_id in self._shown:
            self.person_said(item_id, "", is_final=True)

    def reply_goes_on(self, item_id: str, delta: str) -> None:
        """More words of a reply."""
        self._later(lambda: self._grow(item_id, delta))

    def reply_is_over(self, item_id: str, heard: str, *, was_cut: bool) -> None:
        """No more words of it come; `heard` are those that count."""
        self._later(lambda: self._close(item_id))
        if was_cut:
            self._send(heard, item_id, self._room.identity, is_final=True)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            action = await self._queue.get()
            try:
                await action()
            except RoomError as error:
                log.warning("words were lost on their way", reason=str(error))

    def _send(self, text: str, segment: str, speaker: str, *, is_final: bool) -> None:
        self._later(lambda: self._room.send_words(text, speaker, self._attributes(segment, speaker, is_final=is_final)))

    def _later(self, action: Callable[[], Awaitable[None]]) -> None:
        try:
            self._queue.put_nowait(action)
        except asyncio.QueueFull:
            log.warning("words were lost: the room takes them too slowly")

    async def _grow(self, item_id: str, delta: str) -> None:
        stream = self._replies.get(item_id)
        if stream is None:
            stream = await self._room.open_words(self._attributes(item_id, self._room.identity, is_final=False))
            self._replies[item_id] = stream
        await stream.write(delta)

    async def _close(self, item_id: str) -> None:
        if stream := self._replies.pop(item_id, None):
            await stream.close(self._attributes(item_id, self._room.identity, is_final=True))

    def _attributes(self, segment: str, speaker: str, *, is_final: bool) -> dict[str, str]:
        attributes = {SEGMENT: segment, IS_FINAL: "true" if is_final else "false"}
        if track := self._room.track_of(speaker):
            attributes[TRACK] = track
        return attributes
