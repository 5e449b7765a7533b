"""A real worker process speaking with a real voice."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator

import grpc
import grpc.aio
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from support.worker import TEXT, WorkerProcess, audio_of, bulk, events_of, running_worker, speak, words_of

from voicechat.audio.pcm import Pcm16, rms_dbfs, samples_to_ms
from voicechat.fleet.client import WorkerFleet
from voicechat.fleet.port import (
    AudioChunk,
    SegmentStarted,
    SpeechDone,
    SpeechEvent,
    SpeechRequest,
    Started,
    VoiceError,
    WordsTimed,
)
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.rpc.voicechat.tts.v1.tts_pb2_grpc import SynthesizerStub
from voicechat.settings import TtsSettings


@pytest.fixture(scope="module")
def worker() -> Iterator[WorkerProcess]:
    with running_worker() as running:
        yield running


@pytest.fixture
async def fleet(worker: WorkerProcess) -> AsyncIterator[WorkerFleet]:
    client = WorkerFleet(TtsSettings(worker_address=worker.address))
    yield client
    await client.aclose()


async def refusal_of(fleet: WorkerFleet, request: SpeechRequest, text: str = "Hello.") -> VoiceError:
    with pytest.raises(VoiceError) as refused:
        await speak(fleet, text, request)
    return refused.value


async def raw_refusal(address: str, *requests: pb.SynthesizeRequest) -> grpc.aio.AioRpcError:
    async with grpc.aio.insecure_channel(address) as channel:
        call = SynthesizerStub(channel).Synthesize(iter(requests))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            async for _ in call:
                pass
        return refused.value


async def test_a_reply_is_spoken_from_start_to_end(fleet: WorkerFleet) -> None:
    events = await speak(fleet, TEXT, bulk())

    assert isinstance(events[0], Started) and events[0].seed == 7 and events[0].sample_rate_hz == 24_000
    segments = [event for event in events if isinstance(event, SegmentStarted)]
    assert "".join(segment.text for segment in segments) == TEXT
    assert segments[0].text == "Well, here is a first clause,"
    audio = audio_of(events)
    assert rms_dbfs(audio) > -30
    done = events[-1]
    assert isinstance(done, SpeechDone) and done.audio_ms == pytest.approx(samples_to_ms(audio.size, 24_000))


async def test_audio_offsets_leave_no_gap(fleet: WorkerFleet) -> None:
    chunks = [event for event in await speak(fleet, TEXT, bulk()) if isinstance(event, AudioChunk)]

    place = 0
    for chunk in chunks:
        assert chunk.offset_samples == place
        place += chunk.pcm.size


async def test_every_written_word_is_timed_before_its_audio(fleet: WorkerFleet) -> None:
    events = await speak(fleet, TEXT, bulk())

    words = words_of(events)
    assert [word.text.rstrip(".,") for word in words] == re.sub(r"[.,]", "", TEXT).split()
    assert all(TEXT[word.char_start : word.char_end] == word.text for word in words)
    assert all(before.end_ms <= after.start_ms for before, after in zip(words, words[1:], strict=False))
    assert words[-1].end_ms <= samples_to_ms(audio_of(events).size, 24_000)
    announced_ms = 0.0
    for event in events:
        if isinstance(event, WordsTimed):
            announced_ms = event.words[-1].end_ms
            first_ms = event.words[0].start_ms
        elif isinstance(event, AudioChunk) and event.offset_samples * 1000 / 24_000 > first_ms:
            assert announced_ms > first_ms


async def test_words_stand_where_they_sound(fleet: WorkerFleet) -> None:
    events = await speak(fleet, "Stop. Go.", bulk())

    audio = audio_of(events)
    first, second = words_of(events)
    gap = audio[round((first.end_ms + 120) * 24) : round(second.start_ms * 24)]
    assert rms_dbfs(audio[round(first.start_ms * 24) : round(first.end_ms * 24)]) > rms_dbfs(gap) + 20


async def test_the_same_seed_gives_the_same_audio_and_another_gives_other(fleet: WorkerFleet) -> None:
    first, again, other = [audio_of(await speak(fleet, TEXT, bulk(seed))) for seed in (1, 1, 2)]

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


async def test_text_in_pieces_sounds_as_text_at_once(fleet: WorkerFleet) -> None:
    whole = audio_of(await speak(fleet, TEXT, bulk()))
    async with fleet.speak(bulk()) as stream:
        for start in range(0, len(TEXT), 3):
            await stream.push_text(TEXT[start : start + 3])
        await stream.end()
        pieces = audio_of(await events_of(stream))

    assert np.array_equal(whole, pieces)


async def test_a_pause_holds_the_audio_and_loses_none_of_it(fleet: WorkerFleet) -> None:
    unpaused = audio_of(await speak(fleet, TEXT, bulk()))
    heard: list[Pcm16] = []
    async with fleet.speak(SpeechRequest(seed=7)) as stream:
        await stream.push_text(TEXT)
        await stream.end()
        events = aiter(stream)
        while len(heard) < 10:
            heard += _pcm(await anext(events))
        await stream.pause()
        held = asyncio.ensure_future(anext(events))
        while (await asyncio.wait({held}, timeout=0.5))[0]:
            heard += _pcm(held.result())
            held = asyncio.ensure_future(anext(events))
        heard_before = sum(pcm.size for pcm in heard)
        await stream.resume()
        await stream.played(10**9)
        heard += _pcm(await held)
        async for event in events:
            heard += _pcm(event)

    assert heard_before < unpaused.size / 2
    # A reply that is listened to alone is made in smaller windows than a file: the last bit may round the other way.
    assert np.abs(np.concatenate(heard).astype(int) - unpaused).max() <= 1


def _pcm(event: SpeechEvent) -> list[Pcm16]:
    return [event.pcm] if isinstance(event, AudioChunk) else []


async def test_finished_audio_stays_two_seconds_ahead_of_what_was_played(fleet: WorkerFleet) -> None:
    text = "This is one rather long sentence that goes on for quite a while. " * 4
    async with fleet.speak(SpeechRequest()) as stream:
        await stream.push_text(text)
        await stream.end()
        await stream.played(0)
        samples = 0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(4):
                async for event in stream:
                    samples += event.pcm.size if isinstance(event, AudioChunk) else 0

    assert 1.8 <= samples / 24_000 <= 2.0


async def test_reports_that_are_on_their_way_when_a_reply_ends_lose_none_of_it(fleet: WorkerFleet) -> None:
    for _ in range(5):
        async with fleet.speak(SpeechRequest()) as stream:
            await stream.push_text("Yes.")
            await stream.end()
            async for event in stream:
                for _ in range(3):
                    await stream.played(event.offset_samples if isinstance(event, AudioChunk) else 0)

        assert isinstance(event, SpeechDone)


async def test_stop_ends_the_reply_and_says_so(fleet: WorkerFleet) -> None:
    async with fleet.speak(SpeechRequest()) as stream:
        await stream.push_text(TEXT * 5)
        async for event in stream:
            if isinstance(event, AudioChunk):
                await stream.stop()
                break
        rest = await events_of(stream)

    done = rest[-1]
    assert isinstance(done, SpeechDone) and done.stopped


async def test_a_cancelled_reply_frees_its_place(fleet: WorkerFleet, worker: WorkerProcess) -> None:
    async with fleet.speak(SpeechRequest()) as stream:
        await stream.push_text(TEXT * 5)
        async for event in stream:
            if isinstance(event, AudioChunk):
                break

    async with grpc.aio.insecure_channel(worker.address) as channel, asyncio.timeout(5):
        while (await SynthesizerStub(channel).GetStatus(pb.GetStatusRequest())).active_streams:
            await asyncio.sleep(0.05)


async def test_two_replies_at_once_do_not_mix(fleet: WorkerFleet) -> None:
    texts = ("One reply says this and nothing else.", "Another speaks about something different, at length.")
    alone = [audio_of(await speak(fleet, text, bulk())) for text in texts]
    together = await asyncio.gather(*(speak(fleet, text, bulk()) for text in texts))

    for before, events in zip(alone, together, strict=True):
        assert np.array_equal(before, audio_of(events))


async def test_flush_speaks_a_sentence_that_has_not_ended(fleet: WorkerFleet) -> None:
    async with fleet.speak(SpeechRequest()) as stream:
        await stream.push_text("No full stop here")
        await stream.flush()
        async with asyncio.timeout(10):
            async for event in stream:
                if isinstance(event, AudioChunk):
                    break


async def test_skipping_leaves_out_the_beginning_and_nothing_else(fleet: WorkerFleet) -> None:
    whole = audio_of(await speak(fleet, TEXT, bulk()))
    events = await speak(fleet, TEXT, bulk(skip_ms=1000))

    first = next(event for event in events if isinstance(event, AudioChunk))
    assert first.offset_samples == 24_000
    assert np.array_equal(audio_of(events), whole[24_000:])


@pytest.mark.parametrize("text", ["", "   \n ", "🙂🙂", "—", "**", "<break/>", "\x00\x07"])
async def test_nothing_to_say_is_no_audio_and_no_error(fleet: WorkerFleet, text: str) -> None:
    events = await speak(fleet, text, bulk())

    assert audio_of(events).size == 0
    assert isinstance(events[-1], SpeechDone)


@pytest.mark.parametrize("text", ["Mixed 中文 and русский.", "#*_`[](", "a" * 600, "1234567890" * 4, "\ud83d"])
async def test_strange_text_is_spoken_and_ends(fleet: WorkerFleet, text: str) -> None:
    events = await speak(fleet, text.encode("utf-8", "replace").decode(), bulk())

    assert isinstance(events[-1], SpeechDone)


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 48_000])
async def test_any_sample_rate_gives_the_same_length(fleet: WorkerFleet, rate: int) -> None:
    at_24k, at_rate = [audio_of(await speak(fleet, "Hello there.", bulk(sample_rate_hz=hz))) for hz in (24_000, rate)]

    assert at_rate.size / rate == pytest.approx(at_24k.size / 24_000, abs=0.001)


async def test_refusals_name_what_is_wrong_and_what_is_allowed(fleet: WorkerFleet) -> None:
    speed = await refusal_of(fleet, SpeechRequest(speed=9.0))
    assert speed.code == "INVALID_ARGUMENT" and "speed is 9; it must be 0.25 to 4" in str(speed)
    unknown = await refusal_of(fleet, SpeechRequest(model_id="piper-en-us-jo-medium"))
    assert unknown.code == "NOT_FOUND" and "piper-en-us-joe-medium" in str(unknown)
    absent = await refusal_of(fleet, SpeechRequest(model_id="piper-en-us-lessac-medium"))
    assert absent.code == "FAILED_PRECONDITION" and "voicechat models pull piper-en-us-lessac-medium" in str(absent)
    language = await refusal_of(fleet, SpeechRequest(language="de"))
    assert language.code == "INVALID_ARGUMENT" and "'de'" in str(language)
    endless = await refusal_of(fleet, bulk(), "word " * 20_001)
    assert endless.code == "INVALID_ARGUMENT" and "worker.max_text_chars" in str(endless)


def _text(text: str) -> pb.SynthesizeRequest:
    return pb.SynthesizeRequest(text=pb.Text(text=text))


_START = pb.SynthesizeRequest(start=pb.Start())
_END = pb.SynthesizeRequest(end=pb.End())


@pytest.mark.parametrize(
    ("requests", "complaint"),
    [
        ((_text("Hello."),), "text came before start"),
        ((_START, _START), "a second start came"),
        ((_START, _END, _text("Too late.")), "text came after end"),
        ((_START, pb.SynthesizeRequest()), "an empty request came"),
        ((), "ended before its start"),
    ],
)
async def test_requests_out_of_order_are_refused(
    worker: WorkerProcess, requests: tuple[pb.SynthesizeRequest, ...], complaint: str
) -> None:
    # Text in front of the mistake would race with it; the late text needs a reply that still runs.
    spoken = (*requests[:1], _text(TEXT), *requests[1:]) if _END in requests else requests
    refused = await raw_refusal(worker.address, *spoken)

    assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert complaint in (refused.details() or "")


async def test_models_are_listed_and_the_voice_in_use_cannot_be_unloaded(
    fleet: WorkerFleet, worker: WorkerProcess
) -> None:
    models = {model.id: model for model in await fleet.models()}
    assert models["piper-en-us-joe-medium"].resident and models["piper-en-us-joe-medium"].installed
    assert not models["piper-en-us-lessac-medium"].installed

    async with grpc.aio.insecure_channel(worker.address) as channel, fleet.speak(SpeechRequest()) as stream:
        await anext(aiter(stream))
        stub = SynthesizerStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.UnloadModel(pb.UnloadModelRequest(model_id="piper-en-us-joe-medium"))
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        reloaded = await stub.ReloadModel(pb.ReloadModelRequest(model_id="piper-en-us-joe-medium"))
        assert reloaded.load_ms > 0 and reloaded.model.resident


async def test_health_and_reflection_answer(worker: WorkerProcess, fleet: WorkerFleet) -> None:
    await fleet.check()
    async with grpc.aio.insecure_channel(worker.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(service="voicechat.tts.v1.Synthesizer"))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        replies = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([request]))
        async for reply in replies:
            names = {service.name for service in reply.list_services_response.service}
    assert {"voicechat.tts.v1.Synthesizer", "grpc.health.v1.Health"} <= names
