"""Speech to test with, and ears that are not the product's own."""

from __future__ import annotations

import functools
import gzip
import re
from pathlib import Path

import jiwer
import numpy as np
from faster_whisper import WhisperModel

from voicechat.audio.pcm import Pcm16, to_float
from voicechat.audio.resample import resample
from voicechat.audio.wav import read_audio
from voicechat.models.store import ModelStore

PROMPTS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
PROMPT_WORDS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")

_ENGLISH = jiwer.Compose(
    [
        jiwer.ToLowerCase(),
        jiwer.ExpandCommonEnglishContractions(),
        jiwer.SubstituteRegexes({r"[-–—/]": " ", r"[^\w\s']": "", r"\bokay\b": "ok"}),
        jiwer.RemoveMultipleSpaces(),
        jiwer.Strip(),
        jiwer.ReduceToListOfListOfWords(),
    ]
)


def word_error_rate(written: list[str], heard: list[str]) -> float:
    """Errors per written word, pooled over all pairs; case, punctuation and contractions do not count."""
    return float(jiwer.wer(written, heard, reference_transform=_ENGLISH, hypothesis_transform=_ENGLISH))


@functools.cache
def _reference_ears() -> WhisperModel:
    # One thread: its default of four wait for each other where cores are fewer, or busy.
    model = str(ModelStore(None).require("whisper-tiny.en"))
    return WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=1)


def recognise(pcm: Pcm16, sample_rate_hz: int) -> str:
    """What faster-whisper's own transcription hears."""
    segments, _ = _reference_ears().transcribe(
        to_float(resample(pcm, sample_rate_hz, 16_000)), beam_size=5, language="en", condition_on_previous_text=False
    )
    return " ".join(segment.text.strip() for segment in segments)


def prompt_words() -> dict[str, str]:
    """The words of each recorded prompt, by name; sounds without words are left out."""
    with gzip.open(PROMPT_WORDS, "rt") as file:
        lines = (re.match(r"([\w/-]+): (.+)", line) for line in file)
        return {found[1]: found[2].strip() for found in lines if found and "[" not in found[2]}


def prompt(name: str) -> tuple[Pcm16, int]:
    """A prompt spoken by a person: int16 mono and its rate."""
    return read_audio(PROMPTS / f"{name}.wav")


def silence(seconds: float, sample_rate_hz: int) -> Pcm16:
    """Digital silence."""
    return np.zeros(round(seconds * sample_rate_hz), np.int16)
