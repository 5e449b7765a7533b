"""The ears bench feeds what a microphone would give, and dates words from the end of speech."""

import numpy as np
import pytest

from voicechat.asr.engines.fake import NumberEngine, spoken
from voicechat.asr.port import EARS_RATE_HZ
from voicechat.asr.shared import SharedEars
from voicechat.asr.stream import Eagerness
from voicechat.asr.worker import DecodingWorker, InlineWorker
from voicechat.bench.hearing import LEAD_S, frames, hear, hear_in_real_time, utterance


def test_an_utterance_ends_an_endpoint_after_its_speech() -> None:
    pcm = np.concatenate([spoken(3000, 1.0), spoken(0, 0.2)])
    audio, ends_s = utterance(pcm, endpoint_s=0.5)
    assert ends_s == pytest.approx(LEAD_S + 1.0)
    assert audio.size / EARS_RATE_HZ == pytest.approx(ends_s + 0.5)


def test_frames_together_are_the_audio() -> None:
    pcm = np.arange(1000, dtype=np.int16)
    assert np.array_equal(np.concatenate(frames(pcm)), pcm)


async def test_in_simulated_time_the_guess_in_the_pause_is_what_is_heard() -> None:
    engine = NumberEngine()
    ears = SharedEars(engine, InlineWorker(), eagerness=Eagerness(interim_s=0))
    audio, _ = utterance(spoken(3000, 0.4), endpoint_s=0.5)
    assert await hear(ears, audio) == "3000"
    assert engine.heard_s == [pytest.approx(LEAD_S + 0.4 + 0.1, abs=0.03)]


async def test_in_real_time_the_words_are_dated_by_the_guess_that_stood() -> None:
    ears = SharedEars(NumberEngine(), DecodingWorker())
    audio, ends_s = utterance(spoken(3000, 0.3), endpoint_s=0.3)
    timed = await hear_in_real_time(ears, audio, ends_s)
    assert timed.text == "3000"
    assert timed.ready_ms <= timed.final_ms
    await ears.aclose()
