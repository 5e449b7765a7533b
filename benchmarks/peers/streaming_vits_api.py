"""streaming-vits's Python API, calibrated on this machine before it speaks, as its manual asks.

It phonemizes with espeak-ng in its own process, through the binding that piper-tts ships: the package that it would use
itself has wheels for few Pythons, and starting the espeak-ng program for every sentence would count against it. Its
decoder that keeps convolution state needs the speaker embedding of a multi-speaker voice; with a single-speaker voice
the windowed one is what it has.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from lines import serve
from piper.phonemize_espeak import ESPEAK_DATA_DIR, EspeakPhonemizer

_espeak = EspeakPhonemizer(ESPEAK_DATA_DIR)
sys.modules["piper_phonemize"] = SimpleNamespace(phonemize_espeak=lambda text, voice: _espeak.phonemize(voice, text))  # type: ignore[assignment]

from streaming_vits import StreamingTTS  # noqa: E402 - it looks for its phonemizer when it is imported
from streaming_vits.calibrate import calibrate  # noqa: E402
from streaming_vits.profile import Profile  # noqa: E402


def own_copy(model: Path, cache: Path) -> Path:
    """It writes beside the voice: give it a copy."""
    directory = cache / "streaming-vits"
    directory.mkdir(parents=True, exist_ok=True)
    for source in (model, model.with_name(model.name + ".json")):
        if not (directory / source.name).exists():
            shutil.copy(source, directory / source.name)
    return directory / model.name


def calibrated(tts: StreamingTTS, kept: Path) -> Profile:
    """Margins belong to the voice and take minutes to find: they are kept. The schedule belongs to this moment."""
    if kept.exists():
        tts.profile.left, tts.profile.right = json.loads(kept.read_text())
        return calibrate(tts, skip_margins=True)
    profile = calibrate(tts)
    kept.write_text(json.dumps([profile.left, profile.right]))
    return profile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--threads", type=int, default=0, help="0: one per core")
    parser.add_argument("--cache", required=True, type=Path)
    options = parser.parse_args()
    threads = options.threads or len(os.sched_getaffinity(0))
    with contextlib.redirect_stdout(sys.stderr):
        model = own_copy(options.model, options.cache)
        tts = StreamingTTS(model, threads=threads, profile=Profile())
        tts.profile = calibrated(tts, model.with_suffix(".margins.json"))

    def speak(text: str) -> Iterator[bytes]:
        for chunk in tts.stream(text):
            yield (np.clip(chunk.audio, -1, 1) * 32767).astype("<i2").tobytes()

    with contextlib.redirect_stdout(sys.stderr):
        for _ in speak("Ready when you are."):
            pass
    profile = tts.profile
    serve(
        speak,
        tts.sample_rate,
        {
            "threads": threads,
            "decoder": profile.decoder,
            "schedule_frames": profile.schedule,
            "margins_frames": [profile.left, profile.right],
            "prebuffer_ms": round(profile.prebuffer_ms, 1),
        },
    )


if __name__ == "__main__":
    main()
