"""Calls that outlive the process at the other end: when the server is about to end, they go on at another."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import tenacity

from voicechat.audio.pcm import Pcm16
from voicechat.client.errors import ClientError
from voicechat.client.microphone import FRAME_MS, Microphone
from voicechat.client.playout import PlayoutBuffer
from voicechat.client.realtime import (
    Address,
    EventSink,
    RealtimeClient,
    connect_realtime,
    play,
    report_played,
    send_audio,
)
from voicechat.client.turns import TurnLog

OVERLAP_MS = 400
"""What the microphone heard last is told the next process again: who had just begun to speak was not yet noticed."""
LOOK_S = 0.05
ASK_AGAIN_S = 2.0
"""How long the server may take to let a session go."""
ATTEMPTS = 20
"""How often another process is looked for, with up to 2 s between; a session is kept for a minute."""


class Overlapping:
    """A microphone that begins each time a little before it broke off."""

    def __init__(self, microphone: Microphone) -> None:
        self._microphone = microphone
        self._last: deque[Pcm16] = deque(maxlen=OVERLAP_MS // FRAME_MS)

    async def frames(self) -> AsyncIterator[Pcm16]:
        """What was heard last, then what is heard now."""
        for frame in list(self._last):
            yield frame
        async for frame in self._microphone.frames():
            self._last.append(frame)
            yield frame

    def voice_ended_ms(self, before_ms: float) -> float | None:
        """As the microphone knows it."""
        return self._microphone.voice_ended_ms(before_ms)


class Departure:
    """When one connection may be left: the server has asked, and nobody says anything or waits for an answer."""

    def __init__(self) -> None:
        self._log = TurnLog()
        self.token = ""

    def note(self, event: Mapping[str, Any]) -> None:
        """Take the next event."""
        self._log.add(event)
        if event.get("type") == "voicechat.session.moved":
            self.token = str(event["resume_token"])

    @property
    def is_due(self) -> bool:
        """Whether this is the moment."""
        return bool(self.token) and not self._log.busy


async def hold_call(
    client: RealtimeClient, microphone: Microphone, playout: PlayoutBuffer, on_event: EventSink
) -> None:
    """Send what the microphone hears and queue what is answered, also where the server moves the session to.

    Runs until cancelled. Raises `ClientError` when the server ends the call.
    """
    heard = Overlapping(microphone)
    token = await _hold(client, heard, playout, on_event)
    while True:
        async with resumed(client.address, token) as next_client:
            token = await _hold(next_client, heard, playout, on_event)


async def _hold(client: RealtimeClient, microphone: Microphone, playout: PlayoutBuffer, on_event: EventSink) -> str:
    """Hold a call on one connection; returns the token to go on with. Raises `ClientError`."""
    departure = Departure()
    async with asyncio.TaskGroup() as group:
        talking = [
            group.create_task(send_audio(client, microphone)),
            group.create_task(report_played(client, playout)),
        ]
        leaving = group.create_task(_leave(client, departure, playout, talking))
        async for event in client.events():
            play(event.event, playout)
            departure.note(event.event)
            on_event(event)
        for task in (*talking, leaving):
            task.cancel()
    if not departure.token:
        raise ClientError("the server ended the conversation")
    return departure.token


async def _leave(
    client: RealtimeClient, departure: Departure, playout: PlayoutBuffer, talking: list[asyncio.Task[None]]
) -> None:
    while not departure.is_due or playout.waiting_ms > 0:  # noqa: ASYNC110 - what is heard can only be asked
        await asyncio.sleep(LOOK_S)
    for task in talking:
        task.cancel()
    while True:
        await client.send("voicechat.session.leave")
        await asyncio.sleep(ASK_AGAIN_S)


@asynccontextmanager
async def resumed(address: Address, token: str) -> AsyncIterator[RealtimeClient]:
    """Go on with a session that was left, at whoever takes it. Raises `ClientError`."""
    attempts = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(ClientError),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_random_exponential(multiplier=0.1, max=2.0),
        reraise=True,
    )
    client: RealtimeClient = await attempts(_greeted, address, token)
    try:
        yield client
    finally:
        await client.aclose()


async def _greeted(address: Address, token: str) -> RealtimeClient:
    client = await connect_realtime(address, token)
    try:
        await client.greeted()
    except BaseException:
        await client.aclose()
        raise
    return client
