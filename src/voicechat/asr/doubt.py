"""Telling what was heard from what a recogniser makes up.

Whisper completes what it was trained on: noise becomes "Thank you.", a short window becomes a loop. The compression
ratio is that of the Whisper paper (Radford et al. 2022, section 4.5); the others were set on recordings of people
against silence, noise, hum, clicks and breath: docs/guides/ears.md.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

LOOP_COMPRESSION_RATIO = 2.4
IN_A_ROW = 3
"""So often a phrase is seldom said in a row, and a decoder that lost its way says it at least."""
LONGEST_PHRASE = 8
"""Words; longer ones show in the compression ratio."""
DOUBTFUL_LOGPROB = -0.9
NO_SPEECH = 0.8
NO_SPEECH_AND_UNSURE = 0.87
UNSURE_WEIGHT = 0.2
"""The weighed rule tells little that the others do not: docs/guides/ears.md has its fit, and how it was judged."""
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
    """What a decoder wrote, and how sure it was.

    `truncated`: it was stopped by the cap on its length. `unfinished`: it broke off before the audio did.
    """

    text: str
    avg_logprob: float
    no_speech_prob: float
    truncated: bool = False
    unfinished: bool = False


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


def most_in_a_row(text: str) -> int:
    """How many times in a row, at most, a word or a phrase stands in the text."""
    words = _plain(text).split()
    return max((_run(words, length) for length in range(1, min(LONGEST_PHRASE, len(words)) + 1)), default=0)


def is_doubtful(hypothesis: Hypothesis) -> bool:
    """Whether a second look, on a longer window, is worth its time.

    A decoder is sure of itself when it repeats itself, so that three times in a row are doubtful however likely.
    """
    repeated = is_loop(hypothesis) or most_in_a_row(hypothesis.text) >= IN_A_ROW
    return repeated or hypothesis.unfinished or hypothesis.avg_logprob < DOUBTFUL_LOGPROB


def is_plainly_made_up(hypothesis: Hypothesis) -> bool:
    """Whether it has no word, repeats itself, or is what is said where nobody speaks."""
    plain = _plain(hypothesis.text)
    if not plain or is_loop(hypothesis) or hypothesis.no_speech_prob > NO_SPEECH:
        return True
    return hypothesis.no_speech_prob > NO_SPEECH_IF_PHANTOM and plain in PHANTOMS


def unsure_of_speech(hypothesis: Hypothesis, weight: float = UNSURE_WEIGHT) -> float:
    """How little speaks for a person: the no-speech probability, more where the words are unlikely."""
    return hypothesis.no_speech_prob - weight * hypothesis.avg_logprob


def is_made_up(hypothesis: Hypothesis) -> bool:
    """Whether nobody said this."""
    return is_plainly_made_up(hypothesis) or unsure_of_speech(hypothesis) > NO_SPEECH_AND_UNSURE


def _run(words: Sequence[str], length: int) -> int:
    """Repeats of the most repeated phrase of `length` words: those that equal the one `length` before, in a row."""
    longest = same = 0
    for before, word in zip(words, words[length:], strict=False):
        same = same + 1 if word == before else 0
        longest = max(longest, same)
    return 1 + longest // length


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]|_", "", text.lower()).split())
