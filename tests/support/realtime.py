"""Conversations through the stock `openai` client."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from support.stack import Stack

from voicechat.audio.pcm import Pcm16, from_bytes
from voicechat.audio.resample import resample
from voicechat.audio.wav import read_audio

RATE_HZ = 24_000


@asynccontextmanager
async def connect(stack: Stack) -> AsyncIterator[AsyncRealtimeConnection]:
    """A session with its defaults."""
    client = AsyncOpenAI(base_url=f"{stack.url}/v1", api_key="none")
    async with client.realtime.connect(model="gpt-realtime") as connection:
        yield connection


def spoken(stack: Stack, text: str, rate_hz: int = RATE_HZ) -> Pcm16:
    """`text` as the product's own voice says it."""
    answer = httpx.post(f"{stack.url}/synthesize", json={"text": text}, timeout=60)
    answer.raise_for_status()
    return resample(*read_audio(answer.content), rate_hz)


async def send_audio(connection: AsyncRealtimeConnection, pcm: Pcm16, *, real_time: bool = False) -> None:
    """Append `pcm` in chunks of 20 ms; in real time as a microphone would, or at once."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for number, start in enumerate(range(0, pcm.size, 480)):
        if real_time:
            await asyncio.sleep(max(0.0, begin + number * 0.02 - loop.time()))
        chunk = base64.b64encode(pcm[start : start + 480].tobytes()).decode()
        await connection.input_audio_buffer.append(audio=chunk)


async def type_text(connection: AsyncRealtimeConnection, text: str) -> None:
    """Say `text` by keyboard, and ask for a reply."""
    content: Any = [{"type": "input_text", "text": text}]
    await connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
    await connection.response.create()


@dataclass(slots=True)
class Heard:
    """Events of a stretch of conversation."""

    events: list[Any] = field(default_factory=list)

    def of(self, kind: str) -> list[Any]:
        """The events of one type."""
        return [event for event in self.events if event.type == kind]

    @property
    def status(self) -> str:
        """How the last reply ended."""
        return str(self.of("response.done")[-1].response.status)

    @property
    def reply(self) -> str:
        """The words of the replies, as they were announced."""
        return " ".join(event.transcript for event in self.of("response.output_audio_transcript.done"))

    @property
    def question(self) -> str:
        """The words of the person, as they were recognised."""
        done = self.of("conversation.item.input_audio_transcription.completed")
        return " ".join(event.transcript for event in done)

    @property
    def audio(self) -> Pcm16:
        """The replies' audio."""
        deltas = [from_bytes(base64.b64decode(event.delta)) for event in self.of("response.output_audio.delta")]
        return np.concatenate(deltas) if deltas else np.zeros(0, np.int16)


async def listen(
    connection: AsyncRealtimeConnection, until: str = "response.done", *, count: int = 1, timeout_s: float = 60.0
) -> Heard:
    """Read events until `count` of the type `until` have come."""
    heard = Heard()
    async with asyncio.timeout(timeout_s):
        async for event in connection:
            heard.events.append(event)
            if event.type == until and len(heard.of(until)) == count:
                break
    return heard
