"""Loading the ears that the settings ask for."""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from voicechat.asr.engines.port import RecognitionEngine
from voicechat.asr.port import Ears, EarsError
from voicechat.asr.shared import SharedEars
from voicechat.asr.worker import DecodingWorker
from voicechat.models.errors import ModelError
from voicechat.models.store import ModelStore
from voicechat.settings import AsrSettings, Device, EarsAdapter, Settings

BEHIND_THE_VOICE = 5
"""Niceness of the threads that compute: the voice stands at 0, the embedded mind at 10."""
MOST_THREADS = 4
"""More do not make a short window faster."""


def load_ears(settings: Settings) -> Ears:
    """Load the model (half a second or so; call it off the event loop) and start the recognition threads.

    Raises `EarsError` when recognition is off, the model's files are missing, the device is not there, the adapter is
    not installed, or the model does not know the language; the text says what mends it.
    """
    asr = settings.asr
    if not asr.enabled:
        raise EarsError("ASR_ENABLED is false: set it to true to have speech recognised")
    if asr.adapter is EarsAdapter.WHISPERX:
        raise _no_whisperx()
    engine = _on_nice_thread(lambda: _load_whisper(settings))
    engine.language_code(asr.language)
    return SharedEars(
        engine,
        DecodingWorker(),
        language=asr.language,
        piece_s=asr.max_utterance_s,
        interim_s=asr.interim_interval_ms / 1000,
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


def _load_whisper(settings: Settings) -> RecognitionEngine:
    from voicechat.asr.engines.whisper import WhisperEngine

    try:
        directory = ModelStore(settings.models.directory).require(settings.asr.model)
    except ModelError as error:
        raise EarsError(f"the ears cannot be loaded: {error}") from error
    device = _device(settings.asr)
    # int8 is as accurate as float32 on speech, and the fastest on processors; graphics cards are fast in float16.
    compute_type = "int8" if device == "cpu" else "float16"
    threads = settings.asr.threads or default_threads()
    engine = WhisperEngine(directory, device=device, compute_type=compute_type, threads=threads)
    engine.warm_up()
    return engine


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
