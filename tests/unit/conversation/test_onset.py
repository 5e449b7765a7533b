"""Speech counts from where it truly began, however late voice activity is sure of it."""

from __future__ import annotations

import numpy as np
import pytest
from livekit import rtc
from livekit.agents.vad import VADEvent, VADEventType

from voicechat.audio.pcm import Pcm16
from voicechat.conversation.onset import SMOOTHING, WINDOW_S, Onset

WINDOW_SAMPLES = 512


class Detector:
    """Windows of voice activity, each with its own probability and its sound."""

    def __init__(self) -> None:
        self.onset = Onset()
        self._at_s = self._smoothed = 0.0

    def window(self, probability: float, level: int | Pcm16 = 0, *, speaking: bool = False) -> VADEvent:
        pcm = np.full(WINDOW_SAMPLES, level, np.int16) if isinstance(level, int) else level
        frame = rtc.AudioFrame(pcm.tobytes(), 16_000, 1, pcm.size)
        self._at_s += WINDOW_S
        self._smoothed = SMOOTHING * self._smoothed + (1 - SMOOTHING) * probability
        return self._tell(VADEventType.INFERENCE_DONE, speaking=speaking, frames=[frame])

    def start(self) -> VADEvent:
        return self._tell(VADEventType.START_OF_SPEECH, speaking=True, frames=[])

    def _tell(self, kind: VADEventType, *, speaking: bool, frames: list[rtc.AudioFrame]) -> VADEvent:
        event = VADEvent(
            kind,
            samples_index=round(self._at_s * 16_000),
            timestamp=self._at_s,
            speech_duration=2 * WINDOW_S if speaking else 0.0,
            silence_duration=0.0,
            frames=frames,
            probability=self._smoothed,
            speaking=speaking,
        )
        return self.onset.take(event)


def test_speech_counts_from_the_first_window_that_may_hold_some() -> None:
    detector = Detector()
    for probability in (0.0, 0.0, 0.3, 0.6, 0.9, 0.9):
        assert detector.window(probability).speech_duration == 0
    assert detector.start().speech_duration == pytest.approx(4 * WINDOW_S)


def test_the_sound_that_leads_into_that_window_belongs_to_it() -> None:
    detector = Detector()
    for _ in range(10):
        detector.window(0.0, level=10)
    quiet_then_loud = np.where(np.arange(WINDOW_SAMPLES) < WINDOW_SAMPLES // 2, 10, 2000).astype(np.int16)
    detector.window(0.1, quiet_then_loud)
    detector.window(0.9, level=2000)
    assert detector.start().speech_duration == pytest.approx(1.5 * WINDOW_S)


def test_noise_that_was_there_before_does_not_count() -> None:
    detector = Detector()
    for _ in range(10):
        detector.window(0.0, level=1500)
    detector.window(0.9, level=3000)
    assert detector.start().speech_duration == pytest.approx(WINDOW_S)


def test_silence_before_the_end_is_noticed_is_no_speech() -> None:
    detector = Detector()
    for _ in range(3):
        detector.window(0.9)
    detector.start()
    detector.window(0.9, speaking=True)
    assert [detector.window(0.0, speaking=True).speech_duration for _ in range(4)] == [pytest.approx(4 * WINDOW_S)] * 4


def test_after_a_gap_another_onset_counts() -> None:
    detector = Detector()
    for probability in (0.9, 0.0, 0.0, 0.0, 0.9, 0.9):
        detector.window(probability)
    assert detector.start().speech_duration == pytest.approx(2 * WINDOW_S)


def test_one_quiet_window_is_no_gap() -> None:
    detector = Detector()
    for probability in (0.9, 0.0, 0.9):
        detector.window(probability)
    assert detector.start().speech_duration == pytest.approx(3 * WINDOW_S)


def test_somebody_may_be_speaking_from_the_first_sign_until_two_windows_show_none() -> None:
    detector = Detector()
    seen = []
    for probability in (0.0, 0.3, 0.0, 0.9, 0.0, 0.0, 0.0):
        detector.window(probability)
        seen.append(detector.onset.possible)
    assert seen == [False, True, True, True, True, False, False]
