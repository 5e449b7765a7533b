"""piper-tts's Python API, sentence by sentence, as a caller in its process has it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import onnxruntime
from lines import serve
from piper import PiperVoice


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, default=0, help="0: as piper-tts leaves it")
    options = parser.parse_args()
    voice = PiperVoice.load(options.model)
    if options.threads:
        session = onnxruntime.SessionOptions()
        session.intra_op_num_threads = options.threads
        voice.session = onnxruntime.InferenceSession(options.model, session, providers=["CPUExecutionProvider"])

    def speak(text: str) -> Iterator[bytes]:
        for chunk in voice.synthesize(text):
            yield chunk.audio_int16_bytes

    for _ in speak("Ready when you are."):
        pass
    serve(speak, voice.config.sample_rate, {"threads": options.threads or "default"})


if __name__ == "__main__":
    main()
