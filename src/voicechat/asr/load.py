"""Loading the ears that the settings ask for."""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from voicechat.asr.engines.port import Placement, RecognitionEngine
from voicechat.asr.port import EARS_RATE_HZ, Ears, EarsError
from voicechat.asr.shared import SharedEars
from voicechat.asr.stream import Eagerness
from voicechat.asr.worker import DecodingWorker
from voicechat.models.errors import ModelError
from voicechat.models.store import ModelStore
from voicechat.settings import AsrSettings, Device, EarsAdapter, Settings

BEHIND_THE_VOICE = 5
"""Niceness of the threads that compute: the voice stands at 0, the embedded mind at 10."""
MOST_THREADS = 4
"""More do not make a short window faster."""
PATIENT = Eagerness(interim_s=0, speculate=False)
"""A full window costs too much to be decoded on a guess."""


def load_ears(settings: Settings, worker: DecodingWorker | None = None) -> Ears:
    """Load the model (half a second or so; call it off the event loop) for a `worker`, or for threads of its own.

    Raises `EarsError` when recognition is off, the model's files are missing, the device is not there, the adapter is
    not installed, or the model does not know the language; the text says what mends it.
    """
    asr = settings.asr
    if not asr.enabled:
        raise EarsError("ASR_ENABLED is false: set it to true to have speech recognised")
    if asr.adapter is EarsAdapter.WHISPERX:
        raise _no_whisperx()
    full = asr.adapter is EarsAdapter.WHISPER_FULL
    engine = _on_nice_thread(lambda: _load_engine(settings, full))
    engine.language_code(asr.language)
    return SharedEars(
        engine,
        worker or DecodingWorker(),
        language=asr.language,
        piece_s=engine.longest_s if full else asr.max_utterance_s,
        eagerness=PATIENT if full else Eagerness(asr.interim_interval_ms / 1000, asr.speculation),
    )


def default_threads(cores: int | None = None) -> int:
    """Half of the cores, at least one: the other half is the voice's."""
    return min(MOST_THREADS, max(1, (cores or os.cpu_count() or 2) // 2))


def _on_nice_thread(load: Callable[[], RecognitionEngine]) -> RecognitionEngine:
    """Load on a thread that stands behind the voice: on Linux the threads that an engine starts inherit it."""

    def be_nice() -> None:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BEHIND_THE_VOICE)

    with ThreadPoolExecutor(1, "ears-load", initializer=be_nice) as threads:
        return threads.submit(load).result()


def _load_engine(settings: Settings, full: bool) -> RecognitionEngine:
    from voicechat.asr.engines.whisper import WhisperEngine
    from voicechat.asr.engines.whisper_full import FullWhisperEngine

    try:
        directory = ModelStore(settings.models.directory).require(settings.asr.model)
    except ModelError as error:
        raise EarsError(f"the ears cannot be loaded: {error}") from error
    placement = _placement(settings.asr)
    engine = FullWhisperEngine(directory, placement) if full else WhisperEngine(directory, placement)
    _warm_up(engine)
    return engine


def _warm_up(engine: RecognitionEngine) -> None:
    """Decode a moment of noise, so that the first utterance is not the slowest."""
    noise = np.random.default_rng(0).normal(0, 300, EARS_RATE_HZ).astype(np.int16)
    engine.recognise(noise, engine.language_code("en"))


def _placement(asr: AsrSettings) -> Placement:
    device = _device(asr)
    # int8 is as accurate as float32 on speech, and the fastest on processors; graphics cards are fast in float16.
    return Placement(device, "int8" if device == "cpu" else "float16", asr.threads or default_threads())


def _device(asr: AsrSettings) -> str:
    import ctranslate2

    cards = 0 if asr.device is Device.CPU else int(ctranslate2.get_cuda_device_count())
    if asr.device is Device.CUDA and not cards:
        raise EarsError("ASR_DEVICE is cuda, but no CUDA device is seen: install its driver, or set auto or cpu")
    return "cuda" if cards else "cpu"


def _no_whisperx() -> EarsError:
    if importlib.util.find_spec("whisperx") is None:
        return EarsError(
            "ASR_ADAPTER is whisperx, which is not installed here: `pip install whisperx` or set ASR_ADAPTER to whisper"
        )
    return EarsError("ASR_ADAPTER is whisperx, which this version cannot use yet: set it to whisper")
