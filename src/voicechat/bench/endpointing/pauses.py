"""What happens in the pauses of a recording: when voice activity notices them, and what a judge says of them.

Recordings pass faster than real time: voice activity counts samples, so its times are those of the recording. Only the
judge's computing is timed, and added where a caller would wait for it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from livekit import rtc
from livekit.agents import vad

from voicechat.audio.pcm import Pcm16
from voicechat.bench.endpointing.recordings import RATE_HZ, Recording
from voicechat.conversation.detectors import Detector

NOTICED_S = 0.2
"""Silence after which the engine asks the judge (`MIN_SILENCE_DURATION_MS` of livekit-agents)."""
FRAME_SAMPLES = RATE_HZ // 50


@dataclass(frozen=True, slots=True)
class Pause:
    """A silence that voice activity noticed. Times in s of the recording.

    Attributes:
        silent_s: When speech ended, as voice activity says.
        noticed_s: When it said so.
        asked_s: When the judge is asked.
        resumed_s: When it noticed that speech goes on; infinite after the end.
        probability: That the turn is over, as the judge says; None where none was asked.
        took_s: How long the judge computed.
    """

    silent_s: float
    noticed_s: float
    asked_s: float
    resumed_s: float = math.inf
    probability: float | None = None
    took_s: float = 0.0


async def find_pauses(detector: vad.VAD, recording: Recording) -> list[Pause]:
    """Every pause, unjudged."""
    events = await _events(detector, recording.pcm)
    pauses: list[Pause] = []
    asked_s: float | None = None
    for event in events:
        at_s = event.timestamp
        match event.type:
            case vad.VADEventType.START_OF_SPEECH:
                if pauses:
                    pauses[-1] = _resumed(pauses[-1], at_s)
                asked_s = None
            case vad.VADEventType.INFERENCE_DONE:
                if event.raw_accumulated_speech > 0:
                    asked_s = None
                elif event.speaking and asked_s is None and event.raw_accumulated_silence >= NOTICED_S:
                    asked_s = at_s
            case vad.VADEventType.END_OF_SPEECH:
                pauses.append(Pause(at_s - event.silence_duration, at_s, at_s if asked_s is None else asked_s))
    return pauses


async def judge(detector: Detector, recording: Recording, pauses: Sequence[Pause]) -> list[Pause]:
    """The same pauses, with what the judge says of each when it has heard the recording so far."""
    judged = []
    stream = detector.stream()
    threshold = await stream.unlikely_threshold(None)
    fed = 0
    async with aclosing(stream):
        stream.cancel_inference()
        for pause in pauses:
            due = round(pause.asked_s * RATE_HZ) // FRAME_SAMPLES * FRAME_SAMPLES
            for begin in range(fed, due, FRAME_SAMPLES):
                stream.push_audio(_frame(recording.pcm[begin : begin + FRAME_SAMPLES]))
            fed = max(fed, due)
            # A detector with a queue of its own takes what was pushed.
            await asyncio.sleep(0.005)
            answer = await stream.predict()
            stream.cancel_inference()
            # On one scale for all judges: 0.5 is each one's own threshold.
            probability = _centred(answer.end_of_turn_probability, threshold)
            judged.append(_judged(pause, probability, answer.inference_duration or 0.0))
    return judged


async def _events(detector: vad.VAD, pcm: Pcm16) -> list[vad.VADEvent]:
    stream = detector.stream()
    try:
        for begin in range(0, pcm.size - FRAME_SAMPLES + 1, FRAME_SAMPLES):
            stream.push_frame(_frame(pcm[begin : begin + FRAME_SAMPLES]))
        stream.end_input()
        return [event async for event in stream]
    finally:
        await stream.aclose()


def _frame(pcm: Pcm16) -> rtc.AudioFrame:
    return rtc.AudioFrame(data=pcm.tobytes(), sample_rate=RATE_HZ, num_channels=1, samples_per_channel=pcm.size)


def _centred(probability: float, threshold: float) -> float:
    if probability < threshold:
        return 0.5 * probability / threshold
    return 0.5 + 0.5 * (probability - threshold) / (1 - threshold)


def _resumed(pause: Pause, at_s: float) -> Pause:
    return Pause(pause.silent_s, pause.noticed_s, pause.asked_s, at_s)


def _judged(pause: Pause, probability: float, took_s: float) -> Pause:
    return Pause(pause.silent_s, pause.noticed_s, pause.asked_s, pause.resumed_s, probability, took_s)
