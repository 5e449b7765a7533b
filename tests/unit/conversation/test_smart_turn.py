"""Smart Turn hears what upstream's own preprocessing makes it hear."""

from __future__ import annotations

import numpy as np
import pytest
from support.speech import prompt

from voicechat.audio.pcm import Pcm16
from voicechat.audio.resample import resample
from voicechat.conversation.detectors import SMART_TURN
from voicechat.conversation.smart_turn import FINISHED, SmartTurnModel
from voicechat.models.store import ModelStore


@pytest.fixture(scope="module")
def model() -> SmartTurnModel:
    return SmartTurnModel(ModelStore(None).main_file(SMART_TURN))


def tones(seconds: float) -> Pcm16:
    t = np.arange(round(seconds * 16_000)) / 16_000
    return (6000 * np.sin(2 * np.pi * 180 * t) * np.sin(2 * np.pi * 3 * t)).astype(np.int16)


@pytest.mark.parametrize(("seconds", "upstream"), [(1.0, 0.1714), (3.0, 0.0495), (11.0, 0.8732)])
def test_it_judges_as_upstream_does(model: SmartTurnModel, seconds: float, upstream: float) -> None:
    """Figures of pipecat-ai 1.14.0's LocalSmartTurnAnalyzerV3 on the same samples, where the processor has VNNI."""
    assert model(tones(seconds)) == pytest.approx(upstream, abs=2e-3)


def test_features_fill_a_window_of_eight_seconds(model: SmartTurnModel) -> None:
    assert model.features(tones(1.0)).shape == (80, 800)
    assert model.features(np.zeros(0, np.int16)).shape == (80, 800)


def test_a_whole_sentence_sounds_finished_and_half_of_it_does_not(model: SmartTurnModel) -> None:
    pcm = resample(*prompt("vm-tocallback"), 16_000)
    assert model(pcm) >= FINISHED
    assert model(pcm[: pcm.size // 2]) < FINISHED
