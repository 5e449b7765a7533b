"""Smart Turn v3: whether what was said sounds finished, judged from its sound alone.

The model is an encoder of Whisper's tiny size with a head of one number, by Daily (BSD-2-Clause). It is given the last
8 s of the turn, the end of which stands at the end of the window, as Whisper's log-mel features of samples normalised
to zero mean and unit variance over the whole window.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from faster_whisper.feature_extractor import FeatureExtractor
from livekit import rtc
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, LanguageCode
from livekit.agents.voice.turn import TurnDetectionEvent

from voicechat.audio.pcm import Pcm16, Pcm32f, to_float

RATE_HZ = 16_000
WINDOW_S = 8
WINDOW_SAMPLES = RATE_HZ * WINDOW_S
BEFORE_SPEECH_SAMPLES = RATE_HZ // 2
"""Audio from before a turn that the model is given with it."""
FINISHED = 0.5
"""Probability from which a turn counts as finished."""
PREDICTION_TIMEOUT_S = 1.0
"""Beyond this the silence decides alone."""
NICENESS = 2
"""Behind the voice, before the ears: a turn waits for this decision."""

Judge = Callable[[Pcm16], float]
"""The probability that a turn is finished after this audio: int16, mono, 16 kHz. Blocks."""


class SmartTurnModel:
    """The loaded model, shared by every conversation of a process. `__call__` is a `Judge`."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # Without it processors that have AVX2 or AVX-512 but no VNNI saturate sums of 8-bit weights, and judge wrongly.
        options.add_session_config_entry("session.x64quantprecision", "1")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._extractor = FeatureExtractor(chunk_length=WINDOW_S)

    def __call__(self, pcm: Pcm16) -> float:
        """The probability, 0 to 1."""
        (probability,) = self._session.run(None, {"input_features": self.features(pcm)[np.newaxis]})
        return float(probability[0, 0])

    def features(self, pcm: Pcm16) -> Pcm32f:
        """Log-mel features, (80, 800), of the last 8 s, filled up with silence before them."""
        window = np.zeros(WINDOW_SAMPLES, np.float32)
        last = to_float(pcm[-WINDOW_SAMPLES:])
        window[WINDOW_SAMPLES - last.size :] = last
        window = (window - window.mean()) / np.sqrt(window.var() + 1e-7)
        features: Pcm32f = self._extractor(window, padding=0)[:, : WINDOW_S * 100].astype(np.float32)
        return features


class JudgeThread:
    """The one thread on which turns are judged; an answer that nobody awaits any more is not begun."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._threads = ThreadPoolExecutor(1, "end-of-turn", initializer=_be_nice)

    async def ask(self, pcm: Pcm16) -> float:
        """The judge's answer."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._judge, pcm)


class StreamingDetector:
    """A streaming turn detector as the engine takes it, on a shared judge."""

    def __init__(self, thread: JudgeThread, model: str) -> None:
        self._thread = thread
        self._model = model

    @property
    def model(self) -> str:
        """Which model judges."""
        return self._model

    @property
    def provider(self) -> str:
        """Where it runs."""
        return "voicechat"

    def stream(self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> DetectorStream:
        """One conversation's turns."""
        return DetectorStream(self._thread, self._model)


class DetectorStream:
    """Keeps the turn's audio, at most 8 s of it, and asks about it when the engine wants to know."""

    is_fallback = False
    provider = "voicechat"
    prediction_timeout = PREDICTION_TIMEOUT_S

    def __init__(self, thread: JudgeThread, model: str) -> None:
        self._thread = thread
        self.model = model
        self._frames: deque[Pcm16] = deque()
        self._samples = 0
        self._between_turns = True
        self._asking: asyncio.Task[None] | None = None
        self._answer: asyncio.Future[TurnDetectionEvent] | None = None

    async def unlikely_threshold(self, language: LanguageCode | None) -> float | None:
        """Probability under which a turn goes on."""
        return FINISHED

    async def backchannel_threshold(self, language: LanguageCode | None) -> float | None:
        """The model does not tell when to say "mm-hm"."""
        return None

    async def supports_language(self, language: LanguageCode | None) -> bool:
        """It listens to melody and rhythm; upstream trains it on 23 languages."""
        return True

    def push_audio(self, frame: rtc.AudioFrame) -> None:
        """20 ms or so of the person's audio: int16, mono, 16 kHz."""
        pcm = np.frombuffer(frame.data, dtype=np.int16)
        self._frames.append(pcm)
        self._samples += pcm.size
        self._keep(WINDOW_SAMPLES)

    def predict(self) -> asyncio.Future[TurnDetectionEvent]:
        """Ask whether the turn is over; a question that is still open is answered with no."""
        self.cancel_inference()
        self._answer = asyncio.get_running_loop().create_future()
        pcm = np.concatenate(self._frames) if self._frames else np.zeros(0, np.int16)
        self._asking = asyncio.create_task(self._ask(pcm, self._answer), name="end of turn")
        return self._answer

    def cancel_inference(self, *, timed_out: bool = False) -> None:
        """Speech goes on, or begins: what came long before it is not part of the turn."""
        if self._between_turns:
            self._between_turns = False
            self._keep(BEFORE_SPEECH_SAMPLES)
        if self._asking is not None:
            self._asking.cancel()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(_event(0.0))
        self._asking = self._answer = None

    def flush(self, reason: str | None = None) -> None:
        """The turn is over."""
        self.cancel_inference()
        self._keep(0)
        self._between_turns = True

    def end_input(self) -> None:
        """No more audio comes."""
        self.flush()

    async def aclose(self) -> None:
        """End the stream."""
        asking = self._asking
        self.flush()
        if asking is not None:
            await asyncio.gather(asking, return_exceptions=True)

    async def _ask(self, pcm: Pcm16, answer: asyncio.Future[TurnDetectionEvent]) -> None:
        began = time.perf_counter()
        probability = await self._thread.ask(pcm)
        if not answer.done():
            answer.set_result(_event(probability, time.perf_counter() - began))

    def _keep(self, samples: int) -> None:
        while self._frames and self._samples - self._frames[0].size >= samples:
            self._samples -= self._frames.popleft().size


def _event(probability: float, took_s: float | None = None) -> TurnDetectionEvent:
    return TurnDetectionEvent(
        type="eot_prediction",
        end_of_turn_probability=probability,
        last_speaking_time=time.time(),
        inference_duration=took_s,
    )


def _be_nice(*_: Any) -> None:
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
