"""A caller who asks by text and listens to the whole answer, again and again, wherever the session goes."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from voicechat.audio.pcm import from_bytes
from voicechat.bench.chaos.mind import ANSWER
from voicechat.bench.chaos.turn import LOST_AFTER_S, Turn
from voicechat.client.errors import ClientError, RefusedError, one_error
from voicechat.client.moving import resumed
from voicechat.client.realtime import Address, RealtimeClient, TimedEvent, connect_realtime

THINKS_S = (1.0, 5.0)
CALLS_AGAIN_S = (1.0, 3.0)
"""After a call that broke, or was not taken."""
_MAX_EVENTS = 4096


@dataclass(slots=True)
class Calls:
    """What came of all callers' calls; `moves_ms` is how long each session was nowhere while it moved."""

    turns: list[Turn] = field(default_factory=list)
    moves_ms: list[float] = field(default_factory=list)


async def call(url: str, over: asyncio.Event, calls: Calls) -> None:
    """Hold one conversation until it is `over`; one that breaks is begun anew, and its turn is lost."""
    clock = asyncio.get_running_loop().time
    address = Address(url)
    while not over.is_set():
        try:
            await _Conversation(address, over, calls).hold()
        except RefusedError as error:
            calls.turns.append(Turn(clock(), status="refused", reason=error.code or ""))
            await asyncio.sleep(random.uniform(*CALLS_AGAIN_S))
        except ClientError as error:
            calls.turns.append(Turn(clock(), status="unreachable", reason=str(error)))
            await asyncio.sleep(random.uniform(*CALLS_AGAIN_S))


class _BrokenError(Exception):
    """A conversation is over; its turn tells why."""


class _Conversation:
    def __init__(self, address: Address, over: asyncio.Event, calls: Calls) -> None:
        self._address = address
        self._over = over
        self._calls = calls
        self._answered = 0

    async def hold(self) -> None:
        """Take turns until it is over, or breaks. Raises `ClientError` where it cannot begin or go on."""
        clock = asyncio.get_running_loop().time
        token, left_at = "", 0.0
        while not self._over.is_set():
            async with self._opened(token) as client:
                if token:
                    self._calls.moves_ms.append(1000 * (clock() - left_at))
                try:
                    with one_error():
                        token = await self._talk(client)
                except _BrokenError:
                    return
            left_at = clock()

    @asynccontextmanager
    async def _opened(self, token: str) -> AsyncIterator[RealtimeClient]:
        if token:
            async with resumed(self._address, token) as client:
                yield client
            return
        client = await connect_realtime(self._address)
        try:
            await client.greeted()
            yield client
        finally:
            await client.aclose()

    async def _talk(self, client: RealtimeClient) -> str:
        """Take turns on one connection; returns the token to go on with, or "" at the end."""
        line = _Line(client)
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(line.read())
            token = await self._take_turns(line)
            if token:
                await line.leave()
            reading.cancel()
        return token

    async def _take_turns(self, line: _Line) -> str:
        while not self._over.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(random.uniform(*THINKS_S)):
                    await line.moved.wait()
            if line.token:
                return line.token
            await self._take_turn(line)
        return ""

    async def _take_turn(self, line: _Line) -> None:
        clock = asyncio.get_running_loop().time
        turn = Turn(clock(), self._answered + 1)
        self._calls.turns.append(turn)
        try:
            async with asyncio.timeout(2 * LOST_AFTER_S):
                await line.ask()
                while not _ends(turn, await line.next()):
                    pass
        except (ClientError, TimeoutError) as error:
            turn.status = "broken" if str(error) else "unanswered"
            turn.reason = turn.reason or str(error)
            raise _BrokenError from error
        self._answered = turn.told or self._answered
        # The next question is asked by someone who has heard this answer.
        await asyncio.sleep(max(0.0, (turn.heard_until or 0.0) - clock()))


class _Line:
    """One connection, read at all times, for a server may ask to move at any."""

    def __init__(self, client: RealtimeClient) -> None:
        self._client = client
        self._events: asyncio.Queue[TimedEvent | ClientError] = asyncio.Queue(_MAX_EVENTS)
        self._closed = asyncio.Event()
        self.moved = asyncio.Event()
        self.token = ""

    async def read(self) -> None:
        """Queue events until the server ends the connection."""
        try:
            async for event in self._client.events():
                if event.type == "voicechat.session.moved":
                    self.token = event.event["resume_token"]
                    self.moved.set()
                else:
                    await self._events.put(event)
            await self._events.put(ClientError("the server ended the conversation"))
        except ClientError as error:
            await self._events.put(error)
        finally:
            self._closed.set()

    async def ask(self) -> None:
        """Say the question. What came between two turns belongs to neither."""
        while not self._events.empty():
            if isinstance(left := self._events.get_nowait(), ClientError):
                raise left
        await self._client.say("Where is my parcel?")

    async def next(self) -> TimedEvent:
        """The next event. Raises `ClientError` after the last."""
        event = await self._events.get()
        if isinstance(event, ClientError):
            raise event
        return event

    async def leave(self) -> None:
        """Tell the server that the session goes on elsewhere, and wait until it is kept."""
        await self._client.send("voicechat.session.leave")
        try:
            async with asyncio.timeout(LOST_AFTER_S):
                await self._closed.wait()
        except TimeoutError:
            raise ClientError("a session that was asked to move was not let go") from None


def _ends(turn: Turn, event: TimedEvent) -> bool:
    match event.type:
        case "response.output_audio.delta":
            turn.arrives(event.at_s, from_bytes(base64.b64decode(event.event["delta"])).size)
        case "response.output_audio_transcript.done":
            found = ANSWER.search(event.event["transcript"])
            turn.told = int(found[1]) if found else None
        case "error":
            turn.reason = str(event.event["error"])
        case "response.done":
            response = event.event["response"]
            turn.status = response["status"]
            turn.reason = turn.reason or str(response.get("status_details") or "")
            return True
    return False
