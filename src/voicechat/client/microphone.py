"""Microphones: something that yields 20 ms of audio every 20 ms, whether or not anyone speaks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

import numpy as np

from voicechat.audio.pcm import Pcm16, samples_to_ms
from voicechat.client.playout import RATE_HZ
from voicechat.client.voiced import Stretch, last_voiced_ms, voiced_stretches

FRAME_MS = 20
FRAME_SAMPLES = RATE_HZ * FRAME_MS // 1000
SHORT_PAUSE_S = 0.2


class Microphone(Protocol):
    """A source of audio in real time."""

    def frames(self) -> AsyncIterator[Pcm16]:
        """Frames of int16 mono at `RATE_HZ`, each as soon as its last sample could have been heard."""

    def voice_ended_ms(self, before_ms: float) -> float | None:
        """When a voice last spoke at or before `before_ms` of the audio sent; None: not known."""


class ScriptedMicrophone:
    """Plays recordings as if they were said into it, and silence between them, on absolute deadlines.

    Its audio begins at `began_s` on the event loop's clock.
    """

    def __init__(self, began_s: float) -> None:
        self._began_s = began_s
        self._script: deque[Pcm16] = deque()
        self._sent_frames = 0
        self._voiced: list[Stretch] = []
        self._idle = asyncio.Event()
        self._idle.set()

    def say(self, pcm: Pcm16) -> None:
        """Say this (int16, mono, `RATE_HZ`) after what is being said."""
        start_ms = self.sent_ms + samples_to_ms(sum(part.size for part in self._script), RATE_HZ)
        for stretch in voiced_stretches(pcm, RATE_HZ, SHORT_PAUSE_S):
            self._voiced.append(Stretch(start_ms + stretch.start_ms, start_ms + stretch.end_ms))
        self._script.append(_whole_frames(pcm))
        self._idle.clear()

    async def said(self) -> None:
        """Wait until everything has been said."""
        await self._idle.wait()

    @property
    def sent_ms(self) -> float:
        """Audio yielded so far."""
        return float(self._sent_frames * FRAME_MS)

    def voice_ended_ms(self, before_ms: float) -> float | None:
        """When a voice last spoke at or before `before_ms` of the audio sent."""
        return last_voiced_ms(self._voiced, before_ms)

    async def frames(self) -> AsyncIterator[Pcm16]:
        """20 ms frames, for ever. Frames that a stall delayed follow at once, as from a real device."""
        now = asyncio.get_running_loop().time
        while True:
            due_s = self._began_s + (self._sent_frames + 1) * FRAME_MS / 1000
            await asyncio.sleep(max(0.0, due_s - now()))
            frame = self._next_frame()
            self._sent_frames += 1
            yield frame

    def _next_frame(self) -> Pcm16:
        if not self._script:
            return np.zeros(FRAME_SAMPLES, np.int16)
        part = self._script.popleft()
        if part.size > FRAME_SAMPLES:
            self._script.appendleft(part[FRAME_SAMPLES:])
        if not self._script:
            self._idle.set()
        return part[:FRAME_SAMPLES]


def _whole_frames(pcm: Pcm16) -> Pcm16:
    return np.pad(pcm, (0, -pcm.size % FRAME_SAMPLES))
