"""Half a minute of conversation in milliseconds: an event loop whose time jumps to the next thing that is due."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pytest
from support.virtual_time import VirtualLoop

from voicechat.asr.fake import ScriptedEars
from voicechat.audio.pcm import Pcm16
from voicechat.conversation.factory import SessionFactory
from voicechat.conversation.fake import ScriptedMind
from voicechat.conversation.port import ConversationEvent, ReplyAudio
from voicechat.conversation.session import Session
from voicechat.fleet.fake import FakeFleet

MIC_HZ = 16_000

T = TypeVar("T")


BEGAN_S = 1000.0
"""A loop's clock does not begin at 0 in life either."""


@contextmanager
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualLoop]:
    loop = VirtualLoop(BEGAN_S)
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: 1_700_000_000.0 + loop.time())
        patch.setattr(time, "perf_counter", loop.time)
        yield loop


def speech(seconds: float, rate_hz: int = MIC_HZ) -> Pcm16:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (8000 * np.sin(2 * np.pi * 220 * t)).astype(np.int16)


def silence(seconds: float, rate_hz: int = MIC_HZ) -> Pcm16:
    return np.zeros(round(seconds * rate_hz), np.int16)


@dataclass
class Caller:
    """A person with a client: pushes audio at the pace of time and keeps what comes back."""

    session: Session
    factory: SessionFactory
    fleet: FakeFleet
    ears: ScriptedEars
    mind: ScriptedMind
    events: list[ConversationEvent] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    reader: asyncio.Task[None] | None = None
    mark: int = 0

    async def read(self) -> None:
        async for event in self.session.events():
            self.events.append(event)
            self.at.append(asyncio.get_running_loop().time())

    async def push(self, pcm: Pcm16, rate_hz: int = MIC_HZ) -> None:
        step = rate_hz // 50
        due = asyncio.get_running_loop().time()
        for begin in range(0, pcm.size, step):
            self.session.push_audio(pcm[begin : begin + step], rate_hz)
            due += 0.02
            await asyncio.sleep(due - asyncio.get_running_loop().time())

    async def say(self, seconds: float = 1.0) -> None:
        await self.push(speech(seconds))

    async def wait(self, seconds: float) -> None:
        await self.push(silence(seconds))

    async def until(self, kind: type[ConversationEvent], count: int = 1, seconds: float = 30.0) -> Any:
        for _ in range(round(seconds / 0.02)):
            if len(self.all(kind)) >= count:
                return self.all(kind)[count - 1]
            await self.wait(0.02)
        names = [type(e).__name__ for e in self.events if not isinstance(e, ReplyAudio)]
        raise AssertionError(f"no {kind.__name__} number {count} within {seconds} s; there were {names}")

    def all(self, kind: type[ConversationEvent]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def names(self) -> list[str]:
        """Kinds of events, runs of one kind once."""
        kinds = [type(event).__name__ for event in self.events]
        return [kind for index, kind in enumerate(kinds) if index == 0 or kinds[index - 1] != kind]


Scene = Callable[[Caller], Awaitable[None]]
Play = Callable[..., Caller]


def in_virtual_time(monkeypatch: pytest.MonkeyPatch, main: Coroutine[Any, Any, T]) -> T:
    with virtual_time(monkeypatch) as loop:
        try:
            return loop.run_until_complete(main)
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            gc.collect()
            loop.close()
