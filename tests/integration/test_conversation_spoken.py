"""A real conversation: worker, ears, embedded mind and voice activity, fed as a microphone would."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from voicechat.asr.load import load_ears
from voicechat.asr.port import Ears
from voicechat.audio.pcm import Pcm16
from voicechat.conversation.factory import SessionFactory
from voicechat.conversation.port import (
    Conversation,
    ConversationConfig,
    ConversationEvent,
    ReplyAudio,
    ReplyFinished,
    ReplyStatus,
    TurnCommitted,
    TurnMeasured,
    UserTranscript,
)
from voicechat.conversation.vad import MakeVad, load_vad
from voicechat.fleet.client import WorkerFleet
from voicechat.fleet.port import AudioChunk, Pace, SpeechRequest
from voicechat.llm.client import make_client, make_llm
from voicechat.llm.embedded import embedded_command
from voicechat.llm.find import embedded_mind
from voicechat.settings import Settings

MIC_HZ = 24_000


@dataclass
class Parts:
    """What every conversation of the module shares."""

    settings: Settings
    base_url: str
    ears: Ears
    make_vad: MakeVad


def _ready_line(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the process ended before it was ready"
    ready: dict[str, Any] = json.loads(line)
    return ready


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    settings = Settings()
    environment = os.environ | {
        "VOICECHAT_WORKER__PORT": "0",
        "VOICECHAT_WORKER__METRICS_PORT": "0",
    }
    with (tmp_path_factory.mktemp("logs") / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "voicechat.tts"], stdout=subprocess.PIPE, stderr=log, env=environment
        )
        mind = subprocess.Popen(embedded_command(settings), stdout=subprocess.PIPE, stderr=log)
        try:
            tts = settings.tts.model_copy(update={"worker_address": _ready_line(worker)["address"]})
            base_url = _ready_line(mind)["base_url"]
            llm = settings.llm.model_copy(update={"temperature": 0.0, "max_output_tokens": 60})
            settings = settings.model_copy(update={"tts": tts, "llm": llm})
            yield Parts(settings, base_url, load_ears(settings), load_vad(settings.conversation))
        finally:
            for process in (worker, mind):
                process.terminate()
                process.wait(timeout=20)
                assert process.stdout is not None
                process.stdout.close()


@dataclass
class Caller:
    """A person whose microphone is a script."""

    conversation: Conversation
    fleet: WorkerFleet
    events: list[ConversationEvent] = field(default_factory=list)

    async def read(self) -> None:
        async for event in self.conversation.events():
            self.events.append(event)

    def all(self, kind: type[ConversationEvent]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def push(self, pcm: Pcm16) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        for begin in range(0, pcm.size, MIC_HZ // 50):
            self.conversation.push_audio(pcm[begin : begin + MIC_HZ // 50], MIC_HZ)
            due += 0.02
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def wait(self, seconds: float) -> None:
        await self.push(np.zeros(round(seconds * MIC_HZ), np.int16))

    async def until(self, ready: Callable[[], bool], seconds: float = 40.0) -> None:
        for _ in range(round(seconds / 0.02)):
            if ready():
                return
            await self.wait(0.02)
        raise AssertionError([event for event in self.events if not isinstance(event, ReplyAudio)])

    async def spoken(self, text: str) -> Pcm16:
        """The text as the worker says it."""
        chunks: list[Pcm16] = []
        async with self.fleet.speak(SpeechRequest(seed=1, sample_rate_hz=MIC_HZ, pace=Pace.BULK)) as stream:
            await stream.push_text(text)
            await stream.end()
            async for event in stream:
                if isinstance(event, AudioChunk):
                    chunks.append(event.pcm)
        return np.concatenate(chunks)


@pytest_asyncio.fixture
async def caller(parts: Parts) -> AsyncIterator[Caller]:
    async with _call(parts) as made:
        yield made


class _call:
    def __init__(self, parts: Parts, configure: Callable[[ConversationConfig], ConversationConfig] = replace) -> None:
        self._parts = parts
        self._configure = configure

    async def __aenter__(self) -> Caller:
        parts = self._parts
        self._fleet = WorkerFleet(parts.settings.tts)
        mind = embedded_mind(parts.settings.llm).at(parts.base_url)
        self._client = make_client(mind, parts.settings.llm)

        def llm(**chosen: Any) -> Any:
            return make_llm(mind, parts.settings.llm, self._client, **chosen)

        factory = SessionFactory(parts.settings, self._fleet, parts.ears, llm, parts.make_vad)
        conversation = await factory.open(self._configure(factory.default_config()))
        self._caller = Caller(conversation, self._fleet)
        self._reader = asyncio.ensure_future(self._caller.read())
        return self._caller

    async def __aexit__(self, *_: object) -> None:
        await self._caller.conversation.aclose()
        await self._reader
        await self._fleet.aclose()
        await self._client.close()


def _words(text: str) -> list[str]:
    return "".join(c for c in text.casefold() if c.isalnum() or c.isspace()).split()


async def test_a_spoken_question_is_heard_and_answered_aloud(caller: Caller) -> None:
    question = await caller.spoken("What is the capital of France?")
    await caller.wait(0.5)
    await caller.push(question)
    await caller.until(lambda: bool(caller.all(ReplyFinished)))

    assert _words(caller.all(UserTranscript)[-1].text) == ["what", "is", "the", "capital", "of", "france"]
    finished = caller.all(ReplyFinished)[0]
    assert finished.status is ReplyStatus.COMPLETED
    assert finished.text
    heard = np.concatenate([event.pcm for event in caller.all(ReplyAudio)])
    assert heard.size == round(finished.audio_ms * 24)
    assert np.abs(heard).max() > 1000
    print(finished, caller.all(TurnMeasured))


async def test_talking_over_the_reply_stops_it_and_keeps_the_words_played(caller: Caller) -> None:
    question = await caller.spoken("Please tell me a long story about the sea.")
    stop = await caller.spoken("Stop, that is enough now.")
    await caller.wait(2.0)
    await caller.push(question)
    await caller.until(lambda: len(caller.all(ReplyAudio)) > 100)
    await caller.push(stop)
    await caller.until(lambda: bool(caller.all(ReplyFinished)))

    finished = caller.all(ReplyFinished)[0]
    print(finished)
    assert finished.status is ReplyStatus.CANCELLED
    assistant = [item.text for item in caller.conversation.history if item.role == "assistant"]
    assert assistant[0] == finished.text
    sent_ms = sum(e.pcm.size for e in caller.all(ReplyAudio) if e.reply_id == finished.reply_id) / 24
    assert 0 <= sent_ms - finished.audio_ms <= 100
    await caller.until(lambda: len(caller.all(TurnCommitted)) == 2)


async def test_a_person_reading_is_heard_word_by_word(caller: Caller) -> None:
    from voicechat.audio.resample import resample
    from voicechat.audio.wav import read_audio

    pcm, rate = read_audio(Path("/work/shared/audio/beckett.wav"))
    await caller.wait(0.3)
    await caller.push(resample(pcm, rate, MIC_HZ))
    await caller.wait(3.0)
    print([(e.text) for e in caller.all(UserTranscript) if e.is_final])
    print(caller.all(ReplyFinished), caller.all(TurnMeasured))
