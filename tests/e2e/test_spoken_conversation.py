"""A person's speech goes in, the right words come out, and every turn is answered aloud."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from support.sentences import FIFTY, QUESTIONS
from support.speech import prompt, prompt_words, recognise, silence, word_error_rate
from support.stack import Stack, talk

from voicechat.audio.pcm import Pcm16
from voicechat.audio.resample import resample
from voicechat.audio.wav import read_audio, write_wav

RATE_HZ = 16_000
HUMAN_PROMPTS = ("conf-onlyone", "vm-sorry", "queue-youarenext", "privacy-prompt", "vm-tempgreeting")


def _spoken(stack: Stack, text: str) -> tuple[Pcm16, int]:
    answer = httpx.post(f"{stack.url}/synthesize", json={"text": text}, timeout=60)
    answer.raise_for_status()
    return read_audio(answer.content)


def _user_words(report: dict[str, Any]) -> str:
    return " ".join(turn["user"] for turn in report["turns"])


@pytest.mark.parametrize("name", HUMAN_PROMPTS)
def test_a_persons_words_are_recognised_and_answered(stack: Stack, tmp_path: Path, name: str) -> None:
    pcm, rate = prompt(name)
    write_wav(tmp_path / "question.wav", pcm, rate)

    report = talk(stack.realtime_url, tmp_path / "question.wav")

    assert word_error_rate([prompt_words()[name]], [_user_words(report)]) <= 0.10, report
    assert report["turns"][-1]["assistant"], report
    assert report["turns"][-1]["audio_ms"] > 0, report


def test_a_person_who_talks_over_the_replies_is_heard_to_the_end(stack: Stack, tmp_path: Path) -> None:
    names = ("vm-sorry", "conf-onlyperson", "vm-whichbox", "invalid")
    parts = [part for name in names for part in (resample(*prompt(name), RATE_HZ), silence(0.9, RATE_HZ))]
    write_wav(tmp_path / "reading.wav", np.concatenate(parts), RATE_HZ)

    report = talk(stack.realtime_url, tmp_path / "reading.wav")

    written = " ".join(prompt_words()[name] for name in names)
    assert word_error_rate([written], [_user_words(report)]) <= 0.10, report
    assert report["turns"][-1]["audio_ms"] > 0, report


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
        parts += [resample(*_spoken(stack, question), RATE_HZ), silence(2.0, RATE_HZ)]
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


def test_fifty_sentences_are_spoken_as_written(stack: Stack) -> None:
    heard = [recognise(*_spoken(stack, sentence)) for sentence in FIFTY]
    assert word_error_rate(list(FIFTY), heard) <= 0.08, heard
