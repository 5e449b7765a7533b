"""A conversation of ten questions: each is understood, and answered aloud in the words of its transcript."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.realtime import spoken
from support.sentences import QUESTIONS
from support.speech import recognise, silence, word_error_rate
from support.stack import Stack, talk

from voicechat.audio.pcm import Pcm16
from voicechat.audio.wav import read_audio, write_wav

RATE_HZ = 16_000


@dataclass(frozen=True, slots=True)
class TenTurns:
    """One conversation of ten questions, and the recording of its answers."""

    report: dict[str, Any]
    answers: Path


@pytest.fixture(scope="module")
def ten_turns(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> TenTurns:
    folder = tmp_path_factory.mktemp("ten")
    parts: list[Pcm16] = []
    for question in QUESTIONS:
        parts += [spoken(stack, question, RATE_HZ), silence(2.0, RATE_HZ)]
    write_wav(folder / "questions.wav", np.concatenate(parts), RATE_HZ)
    report = talk(
        stack.realtime_url, folder / "questions.wav", "--turns", "--output", str(folder / "answers.wav"), timeout_s=400
    )
    return TenTurns(report, folder / "answers.wav")


def test_ten_spoken_questions_are_recognised(ten_turns: TenTurns) -> None:
    heard = [turn["user"] for turn in ten_turns.report["turns"]]
    assert len(heard) == len(QUESTIONS), heard
    assert word_error_rate(list(QUESTIONS), heard) <= 0.10, heard


def test_ten_replies_say_what_their_transcripts_say(ten_turns: TenTurns) -> None:
    written = " ".join(turn["assistant"] for turn in ten_turns.report["turns"])
    heard = recognise(*read_audio(ten_turns.answers))
    assert all(turn["audio_ms"] > 0 for turn in ten_turns.report["turns"])
    assert word_error_rate([written], [heard]) <= 0.15, (written, heard)
