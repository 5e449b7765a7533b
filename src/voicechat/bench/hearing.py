"""How the ears are fed by the benches: as a microphone does, 20 ms at a time, until an endpoint is decided."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from voicechat.asr.levels import FRAME_SAMPLES, frame_levels_dbfs
from voicechat.asr.load import load_ears
from voicechat.asr.port import EARS_RATE_HZ, Ears, Transcript
from voicechat.asr.worker import InlineWorker, Priority
from voicechat.audio.pcm import Pcm16
from voicechat.settings import EarsAdapter, Settings

T = TypeVar("T")

LEAD_S = 0.3
"""What the conversation keeps from before speech was noticed."""
FINAL_TIMEOUT_S = 60.0
SPEECH_BELOW_PEAK_DB = 30.0
"""The last frame this close to the loudest one ends the speech."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One utterance in real time, all in ms after the end of speech.

    Attributes:
        text: The final words.
        ready_ms: When these words were first there, as a guess that stood or as the final transcript.
        final_ms: When the final transcript came.
        endpoint_ms: When it was asked for.
    """

    text: str
    ready_ms: float
    final_ms: float
    endpoint_ms: float


class CountingWorker(InlineWorker):
    """Simulated time, in which decodes are counted."""

    decodes = 0

    def submit(self, priority: Priority, job: Callable[[], T]) -> Future[T]:
        """Do it now."""
        self.decodes += 1
        return super().submit(priority, job)


def ears_of(settings: Settings, adapter: EarsAdapter, simulated: InlineWorker | None = None) -> Ears:
    """Load one kind. In simulated time no interim words are made: they never are the final ones."""
    changes: dict[str, object] = {"adapter": adapter} | ({"interim_interval_ms": 0} if simulated else {})
    chosen = settings.model_copy(update={"asr": settings.asr.model_copy(update=changes)})
    return load_ears(chosen, simulated)


def utterance(pcm: Pcm16, endpoint_s: float) -> tuple[Pcm16, float]:
    """A recording as voice activity detection cuts it from the microphone, and where its speech ends, s."""
    end = end_of_speech(pcm)
    followed = np.concatenate([_silence(LEAD_S), pcm, _silence(endpoint_s)])
    ends_s = LEAD_S + end / EARS_RATE_HZ
    return followed[: round((ends_s + endpoint_s) * EARS_RATE_HZ)], ends_s


def end_of_speech(pcm: Pcm16) -> int:
    """The sample after the last frame that is loud enough to be speech."""
    levels = frame_levels_dbfs(pcm)
    loud = np.nonzero(levels > levels.max(initial=-200.0) - SPEECH_BELOW_PEAK_DB)[0]
    return min(pcm.size, (int(loud[-1]) + 1) * FRAME_SAMPLES) if loud.size else 0


def frames(pcm: Pcm16) -> list[Pcm16]:
    """What the microphone gives, 20 ms at a time."""
    return [pcm[start : start + FRAME_SAMPLES] for start in range(0, pcm.size, FRAME_SAMPLES)]


async def hear(ears: Ears, pcm: Pcm16) -> str:
    """The final words, as fast as they can be computed."""
    stream = ears.stream()
    try:
        for frame in frames(pcm):
            stream.push(frame)
        stream.flush()
        async for heard in stream:
            if heard.is_final:
                return heard.text
    finally:
        await stream.aclose()
    raise AssertionError("a stream ended without the final transcript that it owes")


async def hear_in_real_time(ears: Ears, pcm: Pcm16, ends_s: float) -> Timed:
    """Feed the utterance at the pace of speech, and close it at its end."""
    stream = ears.stream()
    heard: list[tuple[float, Transcript]] = []

    async def read() -> None:
        async for transcript in stream:
            heard.append((time.perf_counter(), transcript))
            if transcript.is_final:
                return

    reader = asyncio.create_task(read(), name="transcripts")
    try:
        began = time.perf_counter()
        for index, frame in enumerate(frames(pcm), start=1):
            await asyncio.sleep(began + index * FRAME_SAMPLES / EARS_RATE_HZ - time.perf_counter())
            stream.push(frame)
        asked = time.perf_counter()
        stream.flush()
        await asyncio.wait_for(reader, FINAL_TIMEOUT_S)
    finally:
        reader.cancel()
        await stream.aclose()
    final_at, final = heard[-1]
    ready_at = _stood_from(heard)
    return Timed(final.text, *(round(1000 * (at - began - ends_s), 1) for at in (ready_at, final_at, asked)))


def _stood_from(heard: list[tuple[float, Transcript]]) -> float:
    """When the final words were there: with the last guess, if it was right."""
    final_at, final = heard[-1]
    guesses = [(at, guess.text) for at, guess in heard[:-1] if guess.is_speculative]
    return guesses[-1][0] if guesses and guesses[-1][1] == final.text else final_at


def _silence(seconds: float) -> Pcm16:
    return np.zeros(round(seconds * EARS_RATE_HZ), np.int16)
