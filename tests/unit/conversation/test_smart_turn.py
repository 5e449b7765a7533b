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


CELLS = ((0, 799), (5, 790), (10, 400), (40, 780))
"""Mel band and frame."""


@pytest.mark.parametrize(
    ("seconds", "mean", "deviation", "cells"),
    [
        (1.0, -0.0375, 0.1733, (0.5971, 1.8352, -0.0610, -0.0610)),
        (3.0, -0.1097, 0.2946, (0.4778, 1.7159, -0.1803, -0.1803)),
        (11.0, -0.0986, 0.4575, (0.3713, 1.6094, -0.2868, -0.2868)),
    ],
)
def test_it_hears_what_upstream_hears(
    model: SmartTurnModel, seconds: float, mean: float, deviation: float, cells: tuple[float, ...]
) -> None:
    """Figures of pipecat-ai 1.14.0's LocalSmartTurnAnalyzerV3 on the same samples."""
    features = model.features(tones(seconds))
    assert (features.mean(), features.std()) == pytest.approx((mean, deviation), abs=1e-4)
    assert tuple(features[cell] for cell in CELLS) == pytest.approx(cells, abs=1e-3)


@pytest.mark.parametrize(("seconds", "upstream"), [(1.0, 0.1714), (3.0, 0.0495), (11.0, 0.8732)])
def test_it_judges_as_upstream_does_on_a_processor_with_vnni(
    model: SmartTurnModel, seconds: float, upstream: float
) -> None:
    """Without VNNI upstream judges 0.0381, 0.0184 and 0.4705: its 8-bit sums are cut off."""
    assert model(tones(seconds)) == pytest.approx(upstream, abs=2e-3)


def test_features_fill_a_window_of_eight_seconds(model: SmartTurnModel) -> None:
    assert model.features(tones(1.0)).shape == (80, 800)
    assert model.features(np.zeros(0, np.int16)).shape == (80, 800)


def test_a_whole_sentence_sounds_finished_and_half_of_it_does_not(model: SmartTurnModel) -> None:
    pcm = resample(*prompt("vm-tocallback"), 16_000)
    assert model(pcm) >= FINISHED
    assert model(pcm[: pcm.size // 2]) < FINISHED
