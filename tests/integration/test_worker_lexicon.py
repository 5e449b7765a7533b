"""A real worker process whose operator corrects a word."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
from support.worker import bulk, running_worker, speak, words_of

from voicechat.fleet.client import WorkerFleet
from voicechat.fleet.port import SpeechDone, SpokenWord
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.rpc.voicechat.tts.v1.tts_pb2_grpc import SynthesizerStub
from voicechat.settings import TtsSettings

TEXT = "It costs $5 on Nov 21 with nginx 🙂 now."
MODEL = "piper-en-us-joe-medium"


@pytest.fixture
def lexicon(tmp_path: Path) -> Path:
    path = tmp_path / "lexicon.yaml"
    path.write_text("en: {nginx: a}\n", "utf-8")
    return path


@pytest.fixture
def address(lexicon: Path) -> Iterator[str]:
    with running_worker(lexicon=lexicon) as running:
        yield running.address


async def spoken_by(address: str) -> tuple[list[SpokenWord], float]:
    fleet = WorkerFleet(TtsSettings(worker_address=address))
    try:
        events = await speak(fleet, TEXT, bulk())
    finally:
        await fleet.aclose()
    return words_of(events), next(event.audio_ms for event in events if isinstance(event, SpeechDone))


def correct(lexicon: Path, text: str) -> None:
    lexicon.write_text(text, "utf-8")


async def reload(address: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        await SynthesizerStub(channel).ReloadModel(pb.ReloadModelRequest(model_id=MODEL), timeout=60)


async def test_a_correction_is_heard_after_a_reload_and_a_mistake_changes_nothing(address: str, lexicon: Path) -> None:
    written, short_ms = await spoken_by(address)

    assert [word.text for word in written] == ["It", "costs", "$5", "on", "Nov", "21", "with", "nginx", "now."]
    assert all(TEXT[word.char_start : word.char_end] == word.text for word in written)

    correct(lexicon, "en: {nginx: a very long engine x indeed}\n")
    await reload(address)
    _, long_ms = await spoken_by(address)
    assert long_ms > short_ms + 500

    correct(lexicon, "en: {nginx: {sya: x}}\n")
    with pytest.raises(grpc.aio.AioRpcError, match="did you mean say"):
        await reload(address)
    assert (await spoken_by(address))[1] == long_ms


def test_a_worker_does_not_start_with_a_mistake_in_its_lexicon(lexicon: Path) -> None:
    lexicon.write_text("en:\n  nginx: {sya: x}\n", "utf-8")
    environment = os.environ | {"VOICECHAT_WORKER__LEXICON": str(lexicon)}
    command = [sys.executable, "-m", "voicechat.tts"]

    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 1
    assert f"{lexicon}, line 2: 'nginx' has an unknown key 'sya'" in ended.stderr
