from __future__ import annotations

import numpy as np
import pytest

from voicechat.bench.fidelity import differences
from voicechat.bench.sentences import MAX_WORDS, varied_sentences


def test_sentences_are_the_same_every_time() -> None:
    assert varied_sentences(50) == varied_sentences(50)


def test_lengths_go_from_one_word_to_sixty() -> None:
    lengths = [len(sentence.split()) for sentence in varied_sentences(200)]
    assert (lengths[0], lengths[-1]) == (1, MAX_WORDS)
    assert lengths == sorted(lengths)


def test_sentences_differ_and_end_as_sentences_do() -> None:
    sentences = varied_sentences(200)
    assert len(set(sentences)) > 190
    assert all(sentence[0].isupper() or sentence[0].isdigit() for sentence in sentences)
    assert all(sentence[-1] in ".?!" and sentence[-2] != "," for sentence in sentences)


def test_equal_audio_differs_by_nothing() -> None:
    audio = np.linspace(-0.5, 0.5, 100, dtype=np.float32)
    assert differences(audio, audio) == (0.0, 0.0)


def test_the_error_is_relative_to_the_reference() -> None:
    reference = np.full(100, 0.5, np.float32)
    error, greatest = differences(reference * np.float32(1.01), reference)
    assert error == pytest.approx(0.01, rel=1e-4)
    assert greatest == pytest.approx(0.005, rel=1e-4)


def test_missing_audio_counts_as_silence() -> None:
    reference = np.full(100, 0.5, np.float32)
    error, _ = differences(reference[:50], reference)
    assert error == pytest.approx(0.5**0.5)
