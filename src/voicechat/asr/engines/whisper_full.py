"""Whisper as faster-whisper itself transcribes: its defaults, full windows of 30 s, no filter of voice activity.

The reference that the quick engine is measured against, and the one to choose where its words count for more than time.
"""

from __future__ import annotations

from pathlib import Path

from voicechat.asr.engines.port import Placement, Recognition
from voicechat.asr.engines.whisper_model import BEAM, language_code, load_whisper
from voicechat.asr.port import HeardWord
from voicechat.audio.pcm import Pcm16, to_float


class FullWhisperEngine:
    """A Whisper model in memory. Calls may come from several threads; CTranslate2 runs them one after another."""

    longest_s = 600.0

    def __init__(self, directory: Path, placement: Placement) -> None:
        self._whisper = load_whisper(directory, placement)
        self._name = directory.name

    def language_code(self, language: str | None) -> str | None:
        """Whisper's two-letter code. Raises `UnknownLanguageError`."""
        return language_code(self._whisper, self._name, language)

    def recognise(self, pcm: Pcm16, language: str | None, *, words: bool = False) -> Recognition:
        """Recognise up to ten minutes; what faster-whisper hears in noise is told too."""
        segments, info = self._whisper.transcribe(
            to_float(pcm), language=language, beam_size=BEAM, vad_filter=False, word_timestamps=words
        )
        heard = list(segments)
        found = (word for segment in heard for word in segment.words or ())
        return Recognition(
            " ".join(text for segment in heard if (text := segment.text.strip())),
            info.language,
            tuple(HeardWord(word.word.strip(), word.start, word.end, word.probability) for word in found),
            max((float(segment.no_speech_prob) for segment in heard), default=0.0),
        )
