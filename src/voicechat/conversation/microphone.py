"""The person's audio on its way in: any rate, any chunk size, no delay that stays.

Voice activity counts samples, so audio must flow at the pace of real time whatever the client sends: chunks pass as
they come, what comes ahead of time waits, and where nothing comes for longer than the jitter allowance, silence does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

import numpy as np
from livekit import rtc
from livekit.agents.voice import io

from voicechat.asr.port import EARS_RATE_HZ
from voicechat.audio.pcm import Pcm16, rms_dbfs
from voicechat.conversation.canceller import EchoCanceller
from voicechat.conversation.clock import Clock

FRAME_S = 0.02
FRAME_SAMPLES = 320
SILENCE_DBFS = -45.0
"""Frames below this level may be dropped to catch up."""
MOST_HELD_S = 60.0
"""Speech that came ahead of its time is kept up to this; beyond, the oldest goes."""
FOR_WORDS = "voicechat.words"
"""Key of a frame's user data: its audio as the ears should have it. Before an echo is found, what was taken out of the
frame may be the soft sounds of the person, whose words would be misheard."""
_SILENCE = np.zeros(FRAME_SAMPLES, np.int16)


class Microphone(io.AudioInput):
    """Audio input of an `AgentSession`: 20 ms frames at 16 kHz, without end until `close`."""

    def __init__(self, clock: Clock, jitter_ms: int, canceller: EchoCanceller | None = None) -> None:
        super().__init__(label="voicechat")
        self._clock = clock
        self._canceller = canceller
        self._jitter_s = jitter_ms / 1000
        self._frames: deque[Pcm16] = deque()
        self._rest = np.zeros(0, np.int16)
        self._began: float | None = None
        self._given = 0
        self._heard_at = 0.0
        self._arrived = asyncio.Event()
        self._closed = False
        self._muted = False
        self.dropped_frames = 0

    def push(self, pcm: Pcm16) -> None:
        """Take int16 mono audio at `EARS_RATE_HZ`."""
        samples = np.concatenate((self._rest, pcm)) if self._rest.size else pcm
        whole = samples.size // FRAME_SAMPLES * FRAME_SAMPLES
        self._frames.extend(np.split(samples[:whole], whole // FRAME_SAMPLES) if whole else ())
        self._rest = samples[whole:].copy()
        self._heard_at = self._clock.now()
        self._shed()
        self._arrived.set()

    def clear(self) -> None:
        """Forget what waits."""
        self._frames.clear()
        self._rest = np.zeros(0, np.int16)

    def mute(self, muted: bool) -> None:
        """While muted nothing is given, silence neither."""
        self._muted = muted
        self.clear()
        self._arrived.set()

    def close(self) -> None:
        """End the stream."""
        self._closed = True
        self._arrived.set()

    async def __anext__(self) -> rtc.AudioFrame:
        """The next 20 ms, when they are due."""
        if self._began is None:
            self._began = self._heard_at = self._clock.now()
        while not self._closed:
            if self._muted:
                await self._unmuted()
            elif self._frames and self._ahead_s() < self._jitter_s:
                return self._frame(self._frames.popleft())
            elif not self._frames and self._silent_s() >= self._jitter_s and self._ahead_s() < 0:
                return self._frame(_SILENCE)
            else:
                await self._wait()
        raise StopAsyncIteration

    async def _unmuted(self) -> None:
        while self._muted and not self._closed:
            self._arrived.clear()
            await self._arrived.wait()
        self._began = self._heard_at = self._clock.now()
        self._given = 0

    async def _wait(self) -> None:
        """Until audio arrives or some is due."""
        if self._frames:
            await self._clock.sleep_until(self._clock.now() + self._ahead_s() - self._jitter_s + FRAME_S)
            return
        self._arrived.clear()
        due_s = max(self._jitter_s - self._silent_s(), self._ahead_s(), FRAME_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), due_s)

    def _ahead_s(self) -> float:
        """How far what was given is ahead of real time; a stream that fell behind starts anew from now."""
        assert self._began is not None
        ahead_s = self._began + self._given * FRAME_S - self._clock.now()
        if ahead_s < -self._jitter_s - FRAME_S:
            self._began -= ahead_s + self._jitter_s + FRAME_S
            return -self._jitter_s - FRAME_S
        return ahead_s

    def _silent_s(self) -> float:
        return self._clock.now() - self._heard_at

    def _shed(self) -> None:
        """Hold at most the jitter allowance, as far as silence can be dropped."""
        excess = len(self._frames) - round(self._jitter_s / FRAME_S)
        if excess <= 0:
            return
        kept: deque[Pcm16] = deque(maxlen=round(MOST_HELD_S / FRAME_S))
        for frame in self._frames:
            if excess > 0 and rms_dbfs(frame) < SILENCE_DBFS:
                self.dropped_frames += 1
                excess -= 1
            else:
                kept.append(frame)
        self._frames = kept

    def _frame(self, pcm: Pcm16) -> rtc.AudioFrame:
        self._given += 1
        clean = pcm if self._canceller is None else self._canceller.clean(pcm)
        return rtc.AudioFrame(
            data=clean.tobytes(),
            sample_rate=EARS_RATE_HZ,
            num_channels=1,
            samples_per_channel=FRAME_SAMPLES,
            userdata={FOR_WORDS: clean if self._canceller is None or self._canceller.certain else pcm},
        )
