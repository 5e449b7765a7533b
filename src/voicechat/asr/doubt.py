"""Telling what was heard from what a recogniser makes up.

Whisper completes what it was trained on: noise becomes "Thank you.", a short window becomes a loop. The compression
ratio is that of the Whisper paper (Radford et al. 2022, section 4.5); the others were set on recordings of people
against silence, noise, hum, clicks and breath: docs/guides/ears.md.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

LOOP_COMPRESSION_RATIO = 2.4
DOUBTFUL_LOGPROB = -0.75
NO_SPEECH = 0.8
NO_SPEECH_AND_UNSURE = 0.96
UNSURE_WEIGHT = 0.4
"""No-speech probability less 0.4 of the log-probability: at most 0.94 over 1102 recordings of a person, in noise and
without, and at least 0.97 over music, noises and signals that were not told by anything else."""
NO_SPEECH_IF_PHANTOM = 0.4

TOKENS_PER_SECOND = 12
"""Fast speech is 5 words a second; a loop is bounded by this."""
TOKENS_AT_LEAST = 16

PHANTOMS = frozenset(
    {
        "you",
        "bye",
        "okay",
        "thank you",
        "thank you very much",
        "thank you so much",
        "thanks for watching",
        "thank you for watching",
        "thank you so much for watching",
        "thank you so much for joining us",
        "see you in the next video",
        "ill see you in the next video",
        "please subscribe",
    }
)
"""What Whisper models say most often where nobody speaks."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a decoder wrote, and how sure it was. `truncated`: it was stopped by the cap on its length."""

    text: str
    avg_logprob: float
    no_speech_prob: float
    truncated: bool = False


def token_cap(audio_s: float) -> int:
    """Most tokens that so much audio can hold."""
    return TOKENS_AT_LEAST + int(audio_s * TOKENS_PER_SECOND)


def compression_ratio(text: str) -> float:
    """Bytes of the text to bytes of its deflated form: repetition makes it large."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def is_loop(hypothesis: Hypothesis) -> bool:
    """Whether the decoder repeated itself instead of listening."""
    if hypothesis.truncated or compression_ratio(hypothesis.text) > LOOP_COMPRESSION_RATIO:
        return True
    words = _plain(hypothesis.text).split()
    return len(words) >= 8 and len(set(words)) <= len(words) // 4


def is_doubtful(hypothesis: Hypothesis) -> bool:
    """Whether a second look, on a longer window, is worth its time."""
    return is_loop(hypothesis) or hypothesis.avg_logprob < DOUBTFUL_LOGPROB


def is_made_up(hypothesis: Hypothesis) -> bool:
    """Whether nobody said this."""
    plain = _plain(hypothesis.text)
    if not plain or is_loop(hypothesis) or hypothesis.no_speech_prob > NO_SPEECH:
        return True
    if hypothesis.no_speech_prob - UNSURE_WEIGHT * hypothesis.avg_logprob > NO_SPEECH_AND_UNSURE:
        return True
    return hypothesis.no_speech_prob > NO_SPEECH_IF_PHANTOM and plain in PHANTOMS


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]|_", "", text.lower()).split())
