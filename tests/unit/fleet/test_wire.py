from __future__ import annotations

import grpc
import grpc.aio
import numpy as np
import pytest

from voicechat.fleet.port import (
    AudioChunk,
    Pace,
    SegmentFinished,
    SegmentStarted,
    SpeechDone,
    SpeechEvent,
    SpeechRequest,
    SpokenWord,
    Started,
    VoiceError,
    WordsTimed,
)
from voicechat.fleet.wire import speech_event, start_message, text_message, voice_error
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb


def test_a_request_says_only_what_was_chosen() -> None:
    start = start_message(SpeechRequest(seed=0, pace=Pace.BULK, sample_rate_hz=16_000)).start

    assert (start.seed, start.pace, start.sample_rate) == (0, pb.BULK, 16_000)
    assert start.HasField("seed")
    assert not any(start.HasField(name) for name in ("speed", "speaker", "noise_scale", "noise_w"))


@pytest.mark.parametrize(
    ("response", "event"),
    [
        (
            pb.SynthesizeResponse(started=pb.Started(model_id="m", sample_rate=8000, seed=3, queue_ms=1.5)),
            Started("m", 8000, 3, 1.5),
        ),
        (
            pb.SynthesizeResponse(segment=pb.Segment(index=1, text="Hi", char_start=2, char_end=4)),
            SegmentStarted(1, "Hi", 2, 4),
        ),
        (
            pb.SynthesizeResponse(
                words=pb.Words(words=[pb.Word(text="$5", char_start=1, char_end=3, start_ms=4, end_ms=5)])
            ),
            WordsTimed((SpokenWord("$5", 1, 3, 4, 5),)),
        ),
        (pb.SynthesizeResponse(segment_done=pb.SegmentDone(index=2)), SegmentFinished(2)),
        (pb.SynthesizeResponse(done=pb.Done(audio_ms=1, synthesis_ms=2, stopped=True)), SpeechDone(1, 2, True)),
    ],
)
def test_each_response_becomes_its_event(response: pb.SynthesizeResponse, event: SpeechEvent) -> None:
    assert speech_event(response) == event


def test_audio_arrives_as_samples_with_their_place() -> None:
    event = speech_event(pb.SynthesizeResponse(audio=pb.Audio(pcm=b"\x01\x00\xff\xff", offset_samples=9)))

    assert isinstance(event, AudioChunk) and event.offset_samples == 9
    assert np.array_equal(event.pcm, [1, -1])


def test_an_unknown_response_is_an_error_that_says_so() -> None:
    with pytest.raises(VoiceError, match="same version"):
        speech_event(pb.SynthesizeResponse())


def failure(code: grpc.StatusCode, details: str, *trailing: tuple[str, str]) -> VoiceError:
    error = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), details)
    return voice_error(error, "127.0.0.1:7001")


def test_the_workers_own_words_and_its_hint_are_kept() -> None:
    error = failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "all places are taken", ("retry-after-ms", "1500"))

    assert (error.code, str(error), error.retry_after_s) == ("RESOURCE_EXHAUSTED", "all places are taken", 1.5)


def test_a_lost_worker_is_named_with_its_address_and_its_setting() -> None:
    error = failure(grpc.StatusCode.UNAVAILABLE, "Socket closed")

    assert error.code == "UNAVAILABLE"
    assert "127.0.0.1:7001" in str(error) and "tts.worker_address" in str(error)


def test_what_has_no_name_on_the_port_is_internal() -> None:
    assert failure(grpc.StatusCode.UNKNOWN, "boom").code == "INTERNAL"


def test_text_that_utf_8_cannot_carry_is_replaced_character_by_character() -> None:
    assert text_message("a\ud800b\udfff é😀").text.text == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER} é😀"
