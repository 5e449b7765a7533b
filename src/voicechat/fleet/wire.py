"""Between the fleet's port and the wire: requests out, responses and errors in."""

from __future__ import annotations

import re
from collections.abc import Iterable

import grpc.aio

from voicechat.audio.pcm import from_bytes
from voicechat.fleet.ending import SEND_FAILED
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
    VoiceModel,
    WordsTimed,
)
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb

RETRY_AFTER = "retry-after-ms"
_UNPAIRED = re.compile("[\ud800-\udfff]")
_PACES = {Pace.REALTIME: pb.REALTIME, Pace.BULK: pb.BULK}


def text_message(text: str) -> pb.SynthesizeRequest:
    """More text. Halves of surrogate pairs, which JSON lets through and UTF-8 does not, are replaced."""
    return pb.SynthesizeRequest(text=pb.Text(text=_UNPAIRED.sub("\N{REPLACEMENT CHARACTER}", text)))


def start_message(request: SpeechRequest) -> pb.SynthesizeRequest:
    """The first message of a reply."""
    return pb.SynthesizeRequest(
        start=pb.Start(
            request_id=request.request_id,
            model_id=request.model_id,
            voice=request.voice,
            speaker=request.speaker,
            language=request.language,
            speed=request.speed,
            noise_scale=request.noise_scale,
            noise_w=request.noise_w,
            sentence_silence_ms=request.sentence_silence_ms,
            seed=request.seed,
            sample_rate=request.sample_rate_hz,
            pace=_PACES[request.pace],
            skip_ms=request.skip_ms,
            first_segment=request.first_segment,
        )
    )


def speech_event(response: pb.SynthesizeResponse) -> SpeechEvent:
    """What a response says. Raises `VoiceError` for one this version does not know."""
    match response.WhichOneof("response"):
        case "audio":
            return AudioChunk(from_bytes(response.audio.pcm), response.audio.offset_samples)
        case "words":
            return WordsTimed(tuple(map(_word, response.words.words)))
        case "segment":
            segment = response.segment
            return SegmentStarted(
                segment.index, segment.text, segment.char_start, segment.char_end, segment.ends_sentence
            )
        case "segment_done":
            return SegmentFinished(response.segment_done.index)
        case "started":
            started = response.started
            return Started(started.model_id, started.sample_rate, started.seed, started.queue_ms)
        case "done":
            done = response.done
            return SpeechDone(done.audio_ms, done.synthesis_ms, done.stopped)
        case _:
            raise VoiceError(
                "INTERNAL", "the worker sent a message of another version; run the same version everywhere"
            )


def voice_model(model: pb.Model) -> VoiceModel:
    """A model as the worker lists it."""
    return VoiceModel(
        id=model.id,
        engine=model.engine,
        languages=tuple(model.languages),
        voices=tuple(model.voices),
        sample_rate_hz=model.sample_rate,
        licence=model.licence,
        installed=model.installed,
        resident=model.resident,
    )


def voice_error(error: grpc.aio.AioRpcError, address: str) -> VoiceError:
    """The same failure in the port's words."""
    code = error.code().name
    text = error.details() or "no reason was given"
    if text == SEND_FAILED:
        code = "UNAVAILABLE"
    if code == "UNAVAILABLE" and "drain" not in text:
        text = f"the worker at {address} went away ({text}); see its log, or check tts.worker_address"
    elif code == "DEADLINE_EXCEEDED":
        text = f"the worker at {address} did not answer in time; see its load, or raise tts.connect_timeout_s"
    return VoiceError("INTERNAL" if code == "UNKNOWN" else code, text, _retry_after_s(error.trailing_metadata()))


def _retry_after_s(metadata: Iterable[tuple[str, str | bytes]] | None) -> float | None:
    for key, value in metadata or ():
        if key == RETRY_AFTER:
            return float(value) / 1000
    return None


def _word(word: pb.Word) -> SpokenWord:
    return SpokenWord(word.text, word.char_start, word.char_end, word.start_ms, word.end_ms)
