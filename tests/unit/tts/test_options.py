from __future__ import annotations

import math

import pytest

from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.tts.fake import FakeVoice
from voicechat.tts.options import check_ranges, pace_of, reply_options
from voicechat.tts.refusal import Refusal
from voicechat.tts.scheduler import Pace

TRAITS = FakeVoice().traits


@pytest.mark.parametrize(
    ("start", "complaint"),
    [
        (pb.Start(speed=0.1), "speed is 0.1; it must be 0.25 to 4"),
        (pb.Start(speed=math.nan), "speed is nan"),
        (pb.Start(noise_scale=2.5), "noise_scale is 2.5; it must be 0 to 2"),
        (pb.Start(noise_w=-1), "noise_w is -1"),
        (pb.Start(sentence_silence_ms=6000), "sentence_silence_ms is 6000; it must be 0 to 5000"),
        (pb.Start(sample_rate=4000), "sample_rate is 4000; it must be 8000 to 48000"),
    ],
)
def test_a_number_out_of_range_is_refused_with_its_range(start: pb.Start, complaint: str) -> None:
    with pytest.raises(Refusal, match=complaint):
        check_ranges(start)


@pytest.mark.parametrize(
    ("start", "complaint"),
    [
        (pb.Start(voice="othr"), "the nearest are other"),
        (pb.Start(speaker=2), "speaker is 2; it must be 0 to 1"),
        (pb.Start(language="de-DE"), "speaks 'en-US'"),
    ],
)
def test_what_the_model_cannot_do_is_refused_by_name(start: pb.Start, complaint: str) -> None:
    with pytest.raises(Refusal, match=complaint):
        reply_options(start, TRAITS)


def test_an_empty_start_means_the_models_own_ways() -> None:
    check_ranges(pb.Start())
    options = reply_options(pb.Start(), TRAITS)

    assert (options.sample_rate_hz, options.pace) == (8000, Pace.REALTIME)
    assert (options.prosody.speaker, options.prosody.speed, options.prosody.noise_scale) == (0, 1.0, None)


def test_a_seed_is_drawn_unless_given() -> None:
    assert reply_options(pb.Start(seed=0), TRAITS).prosody.seed == 0
    assert reply_options(pb.Start(), TRAITS).prosody.seed != reply_options(pb.Start(), TRAITS).prosody.seed


def test_voices_go_by_name_and_languages_by_their_first_part() -> None:
    assert reply_options(pb.Start(voice="other", language="en-GB"), TRAITS).prosody.speaker == 1


def test_an_unknown_pace_is_refused() -> None:
    with pytest.raises(Refusal, match="BULK"):
        pace_of(pb.Start(pace=7))  # type: ignore[arg-type]
