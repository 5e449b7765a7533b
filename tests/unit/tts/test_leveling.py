from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from voicechat.audio.loudness import TARGET_LUFS, Limiter, integrated_lufs
from voicechat.audio.pcm import Pcm32f
from voicechat.tts.engine import Part, Prosody, never
from voicechat.tts.fake import FakeVoice
from voicechat.tts.leveling import LOUDNESS_FILE, MAX_GAIN_DB, limited_gain_db, voice_gain_db


class Hum(FakeVoice):
    """A second of a 997 Hz tone for any text, 20 dB below full scale: -23 LUFS."""

    def __init__(self) -> None:
        super().__init__(24_000)
        self.measured = 0

    def speak(self, text: str, prosody: Prosody, hurry: Callable[[], bool] = never) -> Iterator[Part]:
        self.measured += 1
        yield self.tone(0.1)

    @staticmethod
    def tone(level: float) -> Pcm32f:
        wave: Pcm32f = (level * np.sin(2 * np.pi * 997 * np.arange(24_000) / 24_000)).astype(np.float32)
        return wave


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "voice.onnx").write_bytes(b"model")
    return tmp_path


def test_a_voice_is_brought_to_minus_16_lufs(directory: Path) -> None:
    assert voice_gain_db(Hum(), directory) == pytest.approx(7.0, abs=0.1)


def test_it_is_measured_once(directory: Path) -> None:
    first, second = Hum(), Hum()

    assert voice_gain_db(first, directory) == pytest.approx(voice_gain_db(second, directory), abs=0.01)
    assert (first.measured > 0, second.measured) == (True, 0)
    assert [path.name for path in directory.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("content", ["", "{", json.dumps({"method": 1, "model_bytes": 99, "lufs": -30.0})])
def test_a_file_that_is_broken_or_of_another_model_is_measured_anew(directory: Path, content: str) -> None:
    (directory / LOUDNESS_FILE).write_text(content)

    assert voice_gain_db(Hum(), directory) == pytest.approx(7.0, abs=0.1)


def test_a_directory_that_cannot_be_written_only_costs_the_measurement(tmp_path: Path) -> None:
    assert voice_gain_db(Hum(), tmp_path / "absent") == pytest.approx(7.0, abs=0.1)


def test_the_gain_of_silence_is_none_and_of_a_whisper_is_bounded() -> None:
    silence, whisper = np.zeros(24_000, np.float32), Hum.tone(0.001)

    assert limited_gain_db(silence, 24_000) == 0.0
    assert limited_gain_db(whisper, 24_000) == MAX_GAIN_DB


def test_what_the_limiter_takes_away_is_given_back() -> None:
    clicks = Hum.tone(0.05)
    clicks[::800] = 0.9
    gain_db = limited_gain_db(clicks, 24_000)

    limiter = Limiter(24_000)
    heard = np.concatenate((limiter.push(clicks * np.float32(10 ** (gain_db / 20))), limiter.finish()))
    assert integrated_lufs(heard, 24_000) == pytest.approx(TARGET_LUFS, abs=0.5)
