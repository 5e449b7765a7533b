"""One call: a mouth and an ear on one clock, and everything that was signalled between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from voicechat.bench.calls.ear import Ear
from voicechat.bench.calls.line import (
    Assistant,
    CallWish,
    Failed,
    Line,
    ReplyBegan,
    ReplyOver,
    ReplySound,
    Signal,
    SoundVoid,
)
from voicechat.bench.calls.mouth import Mouth
from voicechat.bench.calls.utterances import Utterance
from voicechat.client.errors import ClientError, one_error

REPORT_S = 0.1
POLL_S = 0.01

Kind = TypeVar("Kind", bound=Signal)


@dataclass(frozen=True, slots=True)
class Spoken:
    """Something that the caller said: where its speech began and ended, ms of the call."""

    utterance: Utterance
    onset_ms: float
    end_ms: float


class Call:
    """The caller's side of an open line. Times are ms since the call began.

    Attributes:
        log: Every signal but sound, with its time.
    """

    def __init__(self, line: Line, mouth: Mouth) -> None:
        self.line = line
        self.mouth = mouth
        self.ear = Ear()
        self.log: list[tuple[float, Signal]] = []
        self.open_replies: set[str] = set()

    @property
    def now_ms(self) -> float:
        """The call's clock."""
        return self.mouth.now_ms

    def take(self, at_ms: float, signal: Signal) -> None:
        """Hear or note one signal."""
        match signal:
            case ReplySound(_, item_id, pcm):
                self.ear.arrive(at_ms, item_id, pcm)
                return
            case SoundVoid(item_id):
                self.ear.clear(at_ms, item_id)
            case ReplyBegan(reply_id):
                self.open_replies.add(reply_id)
            case ReplyOver(reply_id):
                self.open_replies.discard(reply_id)
        self.log.append((at_ms, signal))

    def signals(self, kind: type[Kind], since_ms: float = 0.0) -> list[tuple[float, Kind]]:
        """The signals of one kind from `since_ms` on."""
        return [(at_ms, one) for at_ms, one in self.log if isinstance(one, kind) and at_ms >= since_ms]

    @property
    def errors(self) -> list[str]:
        """What the assistant complained of."""
        return [failed.message for _, failed in self.signals(Failed)]

    async def say(self, utterance: Utterance) -> Spoken:
        """Say it to its end."""
        spoken = self.begin(utterance)
        await self.mouth.said()
        return spoken

    def begin(self, utterance: Utterance) -> Spoken:
        """Begin to say it."""
        return Spoken(utterance, *self.mouth.say(utterance))

    async def hears_reply(self, since_ms: float, enough_ms: float, deadline_ms: float) -> bool:
        """Wait until `enough_ms` were heard since `since_ms`, or all there was; False: nothing came in time."""
        while self.now_ms < deadline_ms:
            self.ear.advance(self.now_ms)
            heard = [piece for piece in self.ear.pieces[-500:] if piece.at_ms >= since_ms]
            if sum(piece.pcm.size for piece in heard) >= enough_ms * 24:
                return True
            if heard and not self.ear.waiting and not self.open_replies:
                return True
            await asyncio.sleep(POLL_S)
        return False

    async def quiet(self, for_ms: float, deadline_ms: float) -> None:
        """Wait until nothing was heard for `for_ms` and no reply is open, at most until the deadline."""
        quiet_since_ms = self.now_ms
        while self.now_ms < deadline_ms and self.now_ms - quiet_since_ms < for_ms:
            self.ear.advance(self.now_ms)
            if self.ear.waiting or self.open_replies:
                quiet_since_ms = self.now_ms
            await asyncio.sleep(POLL_S)


@asynccontextmanager
async def calling(assistant: Assistant, wish: CallWish, noise_db: float | None, seed: int) -> AsyncIterator[Call]:
    """Call, and keep the line alive until the context is left. Raises `ClientError` when the assistant goes away."""
    with one_error():
        async with assistant.call(wish) as line, asyncio.TaskGroup() as group:
            began_s = asyncio.get_running_loop().time()
            call = Call(line, Mouth(began_s, noise_db, seed))
            tasks = [
                group.create_task(_speak(call)),
                group.create_task(_listen(call, began_s)),
                group.create_task(_report(call)),
            ]
            try:
                yield call
            finally:
                for task in tasks:
                    task.cancel()


async def _speak(call: Call) -> None:
    async for frame in call.mouth.frames():
        await call.line.send(frame)


async def _listen(call: Call, began_s: float) -> None:
    async for timed in call.line.signals():
        call.take((timed.at_s - began_s) * 1000, timed.signal)
    raise ClientError("the assistant hung up")


async def _report(call: Call) -> None:
    reported = ("", 0)
    while True:
        await asyncio.sleep(REPORT_S)
        call.ear.advance(call.now_ms)
        if call.ear.progress != reported:
            reported = call.ear.progress
            await call.line.played(*reported)
