"""Two voices in one worker process: places, files that change, files that are broken."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import grpc.aio
import numpy as np
import pytest
from support.worker import running_worker

from voicechat.audio.pcm import Pcm16
from voicechat.fleet.client import WorkerFleet
from voicechat.fleet.port import AudioChunk, Pace, SpeechRequest, VoiceError
from voicechat.models.store import ModelStore
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.rpc.voicechat.tts.v1.tts_pb2_grpc import SynthesizerStub
from voicechat.settings import TtsSettings

FIRST, SECOND = "piper-en-us-joe-medium", "piper-twin"
TEXT = "One voice says this sentence, and it takes a while to say it."


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A directory with two voices: the default one, and its twin under another name."""
    source = ModelStore(None).require(FIRST)
    for model_id in (FIRST, SECOND):
        shutil.copytree(source, tmp_path / model_id)
    return tmp_path


@contextmanager
def worker(models: Path, **settings: object) -> Iterator[str]:
    with running_worker(models, **{"min_residency_ms": 0, **settings}) as running:
        yield running.address


@asynccontextmanager
async def fleet_of(address: str) -> AsyncIterator[WorkerFleet]:
    fleet = WorkerFleet(TtsSettings(worker_address=address, first_audio_timeout_s=60))
    try:
        yield fleet
    finally:
        await fleet.aclose()


async def speak(fleet: WorkerFleet, model_id: str, text: str = TEXT) -> Pcm16:
    async with fleet.speak(SpeechRequest(model_id=model_id, seed=1, pace=Pace.BULK)) as stream:
        await stream.push_text(text)
        await stream.end()
        heard = [event.pcm async for event in stream if isinstance(event, AudioChunk)]
    return np.concatenate(heard)


async def resident(address: str) -> set[str]:
    async with grpc.aio.insecure_channel(address) as channel:
        status = await SynthesizerStub(channel).GetStatus(pb.GetStatusRequest())
        return {model.id for model in status.resident_models}


@pytest.mark.parametrize(("cap", "expected"), [(1, {SECOND}), (2, {FIRST, SECOND})])
async def test_a_second_voice_lives_beside_the_first_or_takes_its_place(
    models: Path, cap: int, expected: set[str]
) -> None:
    with worker(models, resident_cap=cap) as address:
        async with fleet_of(address) as fleet:
            first, second = await speak(fleet, FIRST), await speak(fleet, SECOND)
        assert await resident(address) == expected

    assert np.array_equal(first, second)


async def test_a_voice_that_is_spoken_with_keeps_its_place_from_another(models: Path) -> None:
    with worker(models, resident_cap=1, load_timeout_s=8) as address:
        async with fleet_of(address) as fleet, fleet.speak(SpeechRequest(model_id=FIRST)) as stream:
            await anext(aiter(stream))
            with pytest.raises(VoiceError, match="resident_cap") as refused:
                await speak(fleet, SECOND)

    assert refused.value.code == "RESOURCE_EXHAUSTED"


async def test_a_reload_takes_the_new_files_and_cuts_nobody_off(models: Path) -> None:
    with worker(models) as address:
        async with fleet_of(address) as fleet, grpc.aio.insecure_channel(address) as channel:
            before = await speak(fleet, SECOND)
            async with fleet.speak(SpeechRequest(model_id=SECOND, seed=1, pace=Pace.BULK)) as running:
                await anext(aiter(running))
                _slow_down(models / SECOND)
                await SynthesizerStub(channel).ReloadModel(pb.ReloadModelRequest(model_id=SECOND))
                after = await speak(fleet, SECOND)
                await running.push_text(TEXT)
                await running.end()
                held = np.concatenate([event.pcm async for event in running if isinstance(event, AudioChunk)])

    assert np.array_equal(held, before)
    assert after.size > 1.3 * before.size


def _slow_down(directory: Path) -> None:
    path = next(directory.glob("*.onnx.json"))
    config = json.loads(path.read_text())
    config["inference"]["length_scale"] = 1.5
    path.write_text(json.dumps(config))


async def test_a_voice_whose_file_is_broken_is_refused_and_the_other_goes_on(models: Path) -> None:
    graph = next((models / SECOND).glob("*.onnx"))
    graph.write_bytes(graph.read_bytes()[:1_000_000])
    with worker(models) as address:
        async with fleet_of(address) as fleet:
            with pytest.raises(VoiceError, match="pull the model anew") as refused:
                await speak(fleet, SECOND)
            assert (await speak(fleet, FIRST)).size > 0

    assert refused.value.code == "FAILED_PRECONDITION"


async def test_many_who_ask_at_once_for_a_voice_that_is_not_loaded_all_get_it(models: Path) -> None:
    with worker(models) as address:
        async with fleet_of(address) as fleet:
            heard = await asyncio.gather(*(speak(fleet, SECOND, "Yes.") for _ in range(4)))

    assert all(np.array_equal(one, heard[0]) for one in heard)
