"""What is waiting to be heard: filled by the network, emptied by a sound card or by a clock that stands in for one."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable

import numpy as np

from voicechat.audio.pcm import Pcm16, ms_to_samples, samples_to_ms

RATE_HZ = 24_000
"""Sample rate of `audio/pcm` in the OpenAI Realtime protocol."""

TICK_S = 0.02
MAX_WAITING_S = 600


class PlayoutBuffer:
    """Replies in the order they came, silence where there is nothing. Safe between threads.

    Its timeline counts the samples that were read since the start, silence included.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, Pcm16]] = deque()
        self._waiting_samples = 0
        self._timeline_samples = 0
        self._played: dict[str, int] = {}
        self._first_heard: dict[str, int] = {}
        self._current = ""

    def push(self, item_id: str, pcm: Pcm16) -> None:
        """Add audio of a reply: int16, mono, `RATE_HZ`. What is more than `MAX_WAITING_S` ahead is dropped."""
        with self._lock:
            if self._waiting_samples + pcm.size > MAX_WAITING_S * RATE_HZ:
                return
            self._waiting.append((item_id, pcm))
            self._waiting_samples += pcm.size

    def clear(self, item_id: str) -> None:
        """Drop what has not been heard of a reply."""
        with self._lock:
            self._waiting = deque(entry for entry in self._waiting if entry[0] != item_id)
            self._waiting_samples = sum(pcm.size for _, pcm in self._waiting)

    def read(self, samples: int) -> Pcm16:
        """The next `samples` samples to be heard."""
        out = np.zeros(samples, np.int16)
        with self._lock:
            filled = 0
            while filled < samples and self._waiting:
                filled += self._take(out[filled:], self._timeline_samples + filled)
            self._timeline_samples += samples
        return out

    def _take(self, out: Pcm16, at_sample: int) -> int:
        item_id, pcm = self._waiting.popleft()
        count = min(out.size, pcm.size)
        out[:count] = pcm[:count]
        if count < pcm.size:
            self._waiting.appendleft((item_id, pcm[count:]))
        if count:
            self._first_heard.setdefault(item_id, at_sample)
        self._waiting_samples -= count
        self._played[item_id] = self._played.get(item_id, 0) + count
        self._current = item_id
        return count

    @property
    def waiting_ms(self) -> float:
        """Audio that has come and has not been heard."""
        with self._lock:
            return samples_to_ms(self._waiting_samples, RATE_HZ)

    @property
    def timeline_samples(self) -> int:
        """Samples read since the start."""
        with self._lock:
            return self._timeline_samples

    @property
    def current(self) -> tuple[str, float]:
        """The reply heard last and how much of it has been heard, ms; an empty name before the first."""
        with self._lock:
            return self._current, samples_to_ms(self._played.get(self._current, 0), RATE_HZ)

    def heard_ms(self, item_id: str) -> float:
        """How much of a reply has been heard."""
        with self._lock:
            return samples_to_ms(self._played.get(item_id, 0), RATE_HZ)

    def first_heard_ms(self, item_id: str) -> float | None:
        """When a reply was first heard, ms on the timeline; None: not yet."""
        with self._lock:
            first = self._first_heard.get(item_id)
        return None if first is None else samples_to_ms(first, RATE_HZ)


async def play_in_real_time(buffer: PlayoutBuffer, sink: Callable[[Pcm16], None], began_s: float) -> None:
    """Empty `buffer` into `sink` at the pace of a sound card, until cancelled. Its timeline begins at `began_s`.

    Each tick takes what is heard until the next one, so nothing is heard before it came. After a stall the timeline
    catches up: a sound card would have played silence meanwhile.
    """
    now = asyncio.get_running_loop().time
    while True:
        due = ms_to_samples((now() - began_s + TICK_S) * 1000, RATE_HZ)
        if due > buffer.timeline_samples:
            sink(buffer.read(due - buffer.timeline_samples))
        ticks = int((now() - began_s) / TICK_S + 1e-6) + 1
        await asyncio.sleep(began_s + ticks * TICK_S - now())
