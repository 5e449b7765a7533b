"""The assistant's own sound, taken out of the microphone: WebRTC's echo canceller, fed with what was sent.

Clients that cancel echo themselves leave nothing to do, and are left alone. For all others the reply comes back through
the air, 50 ms or more after it was sent, and would be taken for a person who speaks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from livekit import rtc

from voicechat.asr.port import EARS_RATE_HZ
from voicechat.audio.live import LiveResampler
from voicechat.audio.pcm import Pcm16
from voicechat.conversation.echo_path import EchoPath

BLOCK_SAMPLES = EARS_RATE_HZ // 100
"""10 ms, as the canceller takes it."""
WAITING_S = 1.0
"""Sound sent and not yet played is kept up to this; beyond, the oldest goes."""
REVERBERATION_S = 1.0
"""After this much silence of the reply nothing of it is in the air, and audio passes as it is."""


class EchoCanceller(Protocol):
    """One conversation's echo. The far end is what the client plays, the near end its microphone."""

    def plays(self, pcm: Pcm16, rate_hz: int) -> None:
        """The client was sent this, and plays it next."""

    def falls_silent(self) -> None:
        """What it has not played is void."""

    def clean(self, pcm: Pcm16) -> Pcm16:
        """Microphone audio, int16 mono at `EARS_RATE_HZ`, a multiple of 10 ms, without the echo."""

    @property
    def certain(self) -> bool:
        """Whether an echo was found; until then what is taken out may be the person."""


MakeCanceller = Callable[[], EchoCanceller]


class WebRtcCanceller:
    """An `EchoCanceller`. It models a client that plays in real time what it gets, as the microphone's clock counts."""

    def __init__(self) -> None:
        self._module = rtc.AudioProcessingModule(echo_cancellation=True)
        self._resampler = LiveResampler(EARS_RATE_HZ)
        self._path = EchoPath()
        self._far = np.zeros(0, np.int16)
        self._quiet_samples = round(REVERBERATION_S * EARS_RATE_HZ)

    def plays(self, pcm: Pcm16, rate_hz: int) -> None:
        """Remember what will be heard."""
        far = np.concatenate((self._far, self._resampler.push(pcm, rate_hz)))
        self._far = far[-round(WAITING_S * EARS_RATE_HZ) :]

    def falls_silent(self) -> None:
        """Forget what will not be heard."""
        self._far = self._far[:0]
        self._resampler.finish()

    @property
    def certain(self) -> bool:
        """Whether the reply comes back at all."""
        return self._path.certain

    def clean(self, pcm: Pcm16) -> Pcm16:
        """The person alone."""
        if not self._far.size and self._quiet_samples >= REVERBERATION_S * EARS_RATE_HZ:
            return pcm
        return np.concatenate([self._clean(block) for block in np.split(pcm, pcm.size // BLOCK_SAMPLES)])

    def _clean(self, near: Pcm16) -> Pcm16:
        far, self._far = self._far[:BLOCK_SAMPLES], self._far[BLOCK_SAMPLES:]
        self._quiet_samples = 0 if far.size else self._quiet_samples + BLOCK_SAMPLES
        far = np.pad(far, (0, BLOCK_SAMPLES - far.size))
        self._path.note(far, near)
        if not self._path.open:
            return near
        self._module.process_reverse_stream(_frame(far))
        # How late the echo comes is for the canceller to find; it wants to be told something.
        self._module.set_stream_delay_ms(0)
        heard = _frame(near)
        self._module.process_stream(heard)
        if self._path.person and not self._path.certain:
            return near
        return np.frombuffer(bytes(heard.data), np.int16)


def _frame(pcm: Pcm16) -> rtc.AudioFrame:
    return rtc.AudioFrame(bytearray(pcm.tobytes()), EARS_RATE_HZ, 1, pcm.size)
