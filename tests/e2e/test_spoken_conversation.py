"""A person's speech goes in, the right words come out, and every turn is answered aloud."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.speech import prompt, prompt_words, silence, word_error_rate
from support.stack import Stack, talk

from voicechat.audio.resample import resample
from voicechat.audio.wav import write_wav

RATE_HZ = 16_000
HUMAN_PROMPTS = ("conf-onlyone", "vm-sorry", "queue-youarenext", "privacy-prompt", "vm-tempgreeting")


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
    # Who talks over a reply on a machine that is short of processors may lose a phrase, of four; not the rest.
    assert word_error_rate([written], [_user_words(report)]) <= 0.25, report
    assert report["turns"][-1]["audio_ms"] > 0, report
