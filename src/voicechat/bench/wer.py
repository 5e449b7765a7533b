"""Word errors of two recognisers on the same utterances, and how sure their difference is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
import numpy as np
from num2words import num2words

RESAMPLES = 10_000
_DIGIT_BY_DIGIT = 3
"""Numbers of this many digits are said digit by digit in the prompts, as extensions are; round ones are not."""
_SPELLED = re.compile(r"\b[a-z](?: [a-z]\b)+")
"""Letters in a row: "M.G.C.P.", "M G C P" and "MGCP" are one."""

_SPOKEN = jiwer.Compose(
    [
        jiwer.ToLowerCase(),
        jiwer.SubstituteRegexes(
            {r"[’`]": "'", r"(?<=\d),(?=\d{3})": "", r"[-–—/@]": " ", r"\bokay\b": "ok", r"\b([ap])\.m\b\.?": r"\1m"}
        ),
        jiwer.SubstituteRegexes(
            {r"#": " pound ", r"\*": " star ", r"%": " percent ", r"\$": " dollar ", r"&": " and "}
        ),
        jiwer.ExpandCommonEnglishContractions(),
        jiwer.SubstituteRegexes({r"[^\w\s']": " ", r"\bo'clock\b": "oclock"}),
        jiwer.RemoveMultipleSpaces(),
        jiwer.Strip(),
    ]
)


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Of one utterance: words said, and words that would have to be changed, left out or put in."""

    words: int
    errors: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Word error rate of the one less that of the other, in points of 100, with a bootstrap interval."""

    points: float
    low_95: float
    high_95: float


def spoken_words(text: str) -> str:
    """English as it is said: lower case, no punctuation, contractions apart, numbers in words."""
    words = str(_SPOKEN(text))
    words = re.sub(r"\b(\d+)(st|nd|rd|th)\b", lambda found: _said(num2words(int(found[1]), to="ordinal")), words)
    words = re.sub(r"\d+", _number, words)
    words = re.sub(r"\bone (?=(hundred|thousand|million|billion)(th)?\b)", "", words)
    return _SPELLED.sub(lambda found: found[0].replace(" ", ""), " ".join(words.split()))


def word_errors(said: str, heard: str) -> WordErrors:
    """Count them, both texts as they are spoken."""
    reference, hypothesis = spoken_words(said), spoken_words(heard)
    counted = jiwer.process_words(reference, hypothesis)
    return WordErrors(len(reference.split()), counted.substitutions + counted.deletions + counted.insertions)


def word_error_rate(utterances: Sequence[WordErrors]) -> float:
    """In per cent, pooled over all words."""
    return 100 * sum(one.errors for one in utterances) / max(1, sum(one.words for one in utterances))


def paired_difference(ours: Sequence[WordErrors], theirs: Sequence[WordErrors], seed: int = 1) -> Difference:
    """Bootstrap over utterances, both recognisers resampled together (Bisani and Ney 2004), percentile interval."""
    words = np.array([one.words for one in ours])
    more = np.array([one.errors - other.errors for one, other in zip(ours, theirs, strict=True)])
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(words.size, np.full(words.size, 1 / words.size), size=RESAMPLES)
    points = 100 * (counts @ more) / np.maximum(1, counts @ words)
    low, high = np.percentile(points, [2.5, 97.5])
    return Difference(100 * float(more.sum()) / max(1, int(words.sum())), float(low), float(high))


def _number(found: re.Match[str]) -> str:
    digits = found[0]
    whole = len(digits) < _DIGIT_BY_DIGIT or digits.endswith("00")
    parts = [digits] if whole and not digits.startswith("0") else digits
    return " " + " ".join(_said(num2words(int(part))) for part in parts) + " "


def _said(words: str) -> str:
    return words.replace("-", " ").replace(",", "")
