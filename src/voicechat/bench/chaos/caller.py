"""A caller who asks by text and listens to the whole answer, again and again."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from typing import Any

from voicechat.audio.pcm import from_bytes
from voicechat.client.errors import ClientError
from voicechat.client.playout import RATE_HZ
from voicechat.client.realtime import RealtimeClient, TimedEvent, open_realtime

LOST_AFTER_S = 10.0
"""A turn whose reply has not been heard to its end by then is lost."""
GAP_S = 0.04
"""Silence in the middle of a reply that counts; less is the unevenness of two busy cores."""
THINKS_S = (1.0, 5.0)
BUSY = ("resource_exhausted", "busy")


@dataclass(slots=True)
class Turn:
    """One question and its answer. Times are s on the event loop's clock, `gaps_ms` silences within the answer."""

    asked_at: float
    first_audio_at: float | None = None
    heard_until: float | None = None
    audio_s: float = 0.0
    gaps_ms: list[float] = field(default_factory=list)
    status: str = ""
    reason: str = ""

    def arrives(self, at_s: float, samples: int) -> None:
        """Audio comes; it is heard behind what came before, or at once."""
        if self.heard_until is None:
            self.first_audio_at = self.heard_until = at_s
        elif at_s - self.heard_until > GAP_S:
            self.gaps_ms.append(round(1000 * (at_s - self.heard_until)))
        self.heard_until = max(at_s, self.heard_until) + samples / RATE_HZ
        self.audio_s += samples / RATE_HZ

    @property
    def refused(self) -> bool:
        """Turned away at the door."""
        return any(word in self.reason for word in BUSY)

    @property
    def lost(self) -> bool:
        """Taken, but not heard to its end in time."""
        in_time = self.heard_until is not None and self.heard_until - self.asked_at <= LOST_AFTER_S
        return not self.refused and not (self.status == "completed" and in_time)

    def as_json(self, since_s: float) -> dict[str, Any]:
        """For the report of a turn that went wrong."""
        return asdict(self) | {"asked_at": round(self.asked_at - since_s, 2)}


async def call(url: str, until_s: float, turns: list[Turn]) -> None:
    """Hold one connection and take turns on it until `until_s`; a connection that breaks ends a turn as lost."""
    clock = asyncio.get_running_loop().time
    while clock() < until_s:
        try:
            async with open_realtime(url) as client:
                events = client.events()
                while clock() < until_s:
                    await asyncio.sleep(random.uniform(*THINKS_S))
                    await _take_turn(client, events, turns)
        except ClientError as error:
            turns.append(Turn(clock(), status="disconnected", reason=str(error)))


async def _take_turn(client: RealtimeClient, events: AsyncIterator[TimedEvent], turns: list[Turn]) -> None:
    clock = asyncio.get_running_loop().time
    turn = Turn(clock())
    turns.append(turn)
    await client.say("Where is my parcel?")
    try:
        async with asyncio.timeout(2 * LOST_AFTER_S):
            async for event in events:
                if _ends(turn, event):
                    break
    except TimeoutError:
        turn.status = "unanswered"
        raise ClientError("no answer came") from None
    # The next question is asked by someone who has heard this answer.
    await asyncio.sleep(max(0.0, (turn.heard_until or 0.0) - clock()))


def _ends(turn: Turn, event: TimedEvent) -> bool:
    match event.type:
        case "response.output_audio.delta":
            turn.arrives(event.at_s, from_bytes(base64.b64decode(event.event["delta"])).size)
        case "error":
            turn.reason = str(event.event["error"])
        case "response.done":
            response = event.event["response"]
            turn.status = response["status"]
            turn.reason = turn.reason or str(response.get("status_details") or "")
            return True
    return False
