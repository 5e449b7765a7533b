"""A conversation through the sound card, with the echo of the loudspeaker taken out of the microphone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
from livekit import rtc

from voicechat.audio.pcm import Pcm16
from voicechat.client.devices import import_sounddevice
from voicechat.client.errors import ClientError, one_error
from voicechat.client.microphone import FRAME_SAMPLES
from voicechat.client.moving import hold_call
from voicechat.client.playout import RATE_HZ, PlayoutBuffer
from voicechat.client.realtime import EventSink, open_realtime

BLOCK_SAMPLES = RATE_HZ // 100
"""The audio processing module takes frames of exactly 10 ms."""

MAX_QUEUED_FRAMES = 100


class EchoCanceller:
    """Takes what the loudspeaker plays out of what the microphone hears."""

    def __init__(self) -> None:
        self._module = rtc.AudioProcessingModule(echo_cancellation=True, noise_suppression=True, high_pass_filter=True)

    def process(self, far: Pcm16, near: Pcm16, delay_ms: int) -> Pcm16:
        """`near` (10 ms of microphone) without the echo of `far` (10 ms about to be played, heard `delay_ms` later)."""
        self._module.process_reverse_stream(_frame(far))
        self._module.set_stream_delay_ms(delay_ms)
        heard = _frame(near)
        self._module.process_stream(heard)
        return np.frombuffer(bytes(heard.data), np.int16).copy()


def _frame(pcm: Pcm16) -> rtc.AudioFrame:
    return rtc.AudioFrame(bytearray(pcm.tobytes()), RATE_HZ, 1, pcm.size)


class SoundCard:
    """The default devices, as microphone and loudspeaker of one call."""

    def __init__(self, playout: PlayoutBuffer, loop: asyncio.AbstractEventLoop) -> None:
        self._playout = playout
        self._loop = loop
        self._echo = EchoCanceller()
        self._frames: asyncio.Queue[Pcm16] = asyncio.Queue(MAX_QUEUED_FRAMES)
        self._half: Pcm16 | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Open the devices. Raises `ClientError` when there are none."""
        sounddevice = import_sounddevice()
        try:
            stream = sounddevice.Stream(
                samplerate=RATE_HZ,
                blocksize=BLOCK_SAMPLES,
                channels=1,
                dtype="int16",
                latency="low",
                callback=self._on_block,
            )
        except (sounddevice.PortAudioError, ValueError) as error:
            raise ClientError(
                f"the sound card cannot be used ({error}): connect a microphone and a loudspeaker, or give --input FILE"
            ) from error
        with stream:
            yield

    async def frames(self) -> AsyncIterator[Pcm16]:
        """20 ms frames of the microphone without echo."""
        while True:
            yield await self._frames.get()

    def voice_ended_ms(self, before_ms: float) -> float | None:
        """Not known: only the server listens for voices here."""
        return None

    def _on_block(self, indata: Pcm16, outdata: Pcm16, frames: int, time: Any, status: Any) -> None:
        """Runs on the sound card's thread, every 10 ms."""
        far = self._playout.read(frames)
        outdata[:, 0] = far
        delay_ms = max(0, round((time.outputBufferDacTime - time.inputBufferAdcTime) * 1000))
        near = self._echo.process(far, np.ascontiguousarray(indata[:, 0]), delay_ms)
        if self._half is None:
            self._half = near
            return
        frame, self._half = np.concatenate([self._half, near]), None
        assert frame.size == FRAME_SAMPLES
        # The loop may close between two blocks.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._enqueue, frame)

    def _enqueue(self, frame: Pcm16) -> None:
        if self._frames.full():
            self._frames.get_nowait()
        self._frames.put_nowait(frame)


async def talk_aloud(url: str, key: str | None, on_event: EventSink) -> None:
    """Talk through the sound card until cancelled. Raises `ClientError`."""
    playout = PlayoutBuffer()
    card = SoundCard(playout, asyncio.get_running_loop())
    with one_error():
        async with open_realtime(url, key) as client:
            with card.running():
                await hold_call(client, card, playout, on_event)
