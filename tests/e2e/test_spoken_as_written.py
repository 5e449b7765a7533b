"""What the product says is what it was given to say."""

from __future__ import annotations

import numpy as np
from support.realtime import RATE_HZ, spoken
from support.sentences import FIFTY
from support.speech import recognise, silence, word_error_rate
from support.stack import Stack

TOGETHER = 5
"""Sentences that are recognised in one go: faster-whisper hears 30 s in the time of one."""


def test_fifty_sentences_are_spoken_as_written(stack: Stack) -> None:
    groups = [FIFTY[start : start + TOGETHER] for start in range(0, len(FIFTY), TOGETHER)]
    heard = [_heard(stack, group) for group in groups]
    assert word_error_rate([" ".join(group) for group in groups], heard) <= 0.08, heard


def _heard(stack: Stack, sentences: tuple[str, ...]) -> str:
    pause = silence(0.5, RATE_HZ)
    parts = [part for sentence in sentences for part in (spoken(stack, sentence), pause)]
    return recognise(np.concatenate(parts), RATE_HZ)
