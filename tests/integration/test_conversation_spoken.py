"""A real conversation: worker, ears, embedded mind and voice activity, fed as a microphone would."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import pytest_asyncio
from support.overheard import OverheardFleet

from voicechat.asr.load import load_ears
from voicechat.asr.port import EARS_RATE_HZ, Ears
from voicechat.audio.pcm import Pcm16
from voicechat.audio.resample import resample
from voicechat.conversation.factory import SessionFactory
from voicechat.conversation.port import (
    Conversation,
    ConversationConfig,
    ConversationEvent,
    ConversationFailed,
    ReplyAudio,
    ReplyFinished,
    ReplyStatus,
    TurnCommitted,
    TurnDiscarded,
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


class Worker:
    """A worker process that keeps its port when it is started again."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._port = "0"
        self.start()

    def start(self) -> None:
        environment = os.environ | {"VOICECHAT_WORKER__PORT": self._port, "VOICECHAT_WORKER__METRICS_PORT": "0"}
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "voicechat.tts"], stdout=subprocess.PIPE, stderr=log, env=environment
            )
        self.address = str(_ready_line(self.process)["address"])
        self._port = self.address.rpartition(":")[2]

    def kill(self) -> None:
        self.process.kill()
        _ended(self.process)


@dataclass
class Parts:
    """What every conversation of the module shares."""

    settings: Settings
    worker: Worker
    base_url: str
    ears: Ears
    make_vad: MakeVad


def _ready_line(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the process ended before it was ready"
    ready: dict[str, Any] = json.loads(line)
    return ready


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.wait(timeout=20)
    assert process.stdout is not None
    process.stdout.close()


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    settings = Settings()
    worker = Worker(tmp_path_factory.mktemp("logs") / "worker.log")
    mind = subprocess.Popen(embedded_command(settings), stdout=subprocess.PIPE)
    try:
        base_url = _ready_line(mind)["base_url"]
        tts = settings.tts.model_copy(update={"worker_address": worker.address})
        llm = settings.llm.model_copy(update={"temperature": 0.0, "max_output_tokens": 60})
        settings = settings.model_copy(update={"tts": tts, "llm": llm})
        yield Parts(settings, worker, base_url, load_ears(settings), load_vad(settings.conversation))
    finally:
        for process in (worker.process, mind):
            process.terminate()
            _ended(process)


@dataclass
class Caller:
    """A person whose microphone is a script."""

    conversation: Conversation
    fleet: WorkerFleet
    overheard: OverheardFleet
    events: list[ConversationEvent] = field(default_factory=list)

    async def read(self) -> None:
        async for event in self.conversation.events():
            self.events.append(event)

    def all(self, kind: type[ConversationEvent]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def heard(self, finished: ReplyFinished) -> Pcm16:
        """The audio that was sent of a reply."""
        return np.concatenate([event.pcm for event in self.all(ReplyAudio) if event.reply_id == finished.reply_id])

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

        overheard = OverheardFleet(self._fleet)
        factory = SessionFactory(parts.settings, overheard, parts.ears, llm, parts.make_vad)
        conversation = await factory.open(self._configure(factory.default_config()))
        self._caller = Caller(conversation, self._fleet, overheard)
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
    heard = caller.heard(finished)
    assert heard.size == pytest.approx(finished.audio_ms * 24, abs=24)
    assert np.abs(heard).max() > 1000
    assert set(caller.all(TurnMeasured)[0].stages_ms) == {"endpoint", "asr", "llm", "tts", "total"}


async def test_talking_over_the_reply_stops_it_and_keeps_the_words_played(parts: Parts, caller: Caller) -> None:
    question = await caller.spoken("Please tell me a long story about the sea.")
    stop = await caller.spoken("Stop, that is enough now.")
    await caller.wait(2.0)
    await caller.push(question)
    await caller.until(lambda: len(caller.all(ReplyAudio)) > 100)
    await caller.push(stop)
    await caller.until(lambda: bool(caller.all(ReplyFinished)))
    await caller.until(lambda: len(caller.all(TurnCommitted)) == 2)

    finished = caller.all(ReplyFinished)[0]
    assert finished.status is ReplyStatus.CANCELLED
    assert [item.text for item in caller.conversation.history if item.role == "assistant"][0] == finished.text
    heard = caller.heard(finished)
    assert 0 <= heard.size / 24 - finished.audio_ms <= 100
    said = _words(finished.text)
    timed = _words(" ".join(word.text for word in caller.overheard.replies[0] if word.start_ms < finished.audio_ms))
    assert abs(len(timed) - len(said)) <= 1, (timed, said)
    assert all(a == b for a, b in zip(timed, said, strict=False)), (timed, said)
    recognised = await parts.ears.transcribe(resample(heard[: finished.audio_ms * 24], MIC_HZ, EARS_RATE_HZ))
    assert abs(len(_words(recognised.text)) - len(_words(finished.text))) <= 1, (recognised.text, finished.text)


async def test_mhm_over_the_reply_does_not_stop_it(caller: Caller) -> None:
    question = await caller.spoken("Please tell me a long story about the sea.")
    okay = await caller.spoken("Okay.")
    await caller.wait(2.0)
    await caller.push(question)
    await caller.until(lambda: len(caller.all(ReplyAudio)) > 60)
    await caller.push(okay)
    await caller.until(lambda: bool(caller.all(ReplyFinished)))

    assert caller.all(ReplyFinished)[0].status is ReplyStatus.COMPLETED
    assert len(caller.all(TurnDiscarded)) == 1


async def test_a_worker_that_is_killed_fails_one_reply_and_the_next_works(parts: Parts, caller: Caller) -> None:
    caller.conversation.add_text("user", "Tell me a long story about the sea.")
    caller.conversation.create_reply()
    await caller.until(lambda: len(caller.all(ReplyAudio)) > 20)
    parts.worker.kill()
    await caller.until(lambda: bool(caller.all(ReplyFinished)))
    parts.worker.start()
    caller.conversation.create_reply()
    await caller.until(lambda: len(caller.all(ReplyFinished)) == 2)

    first, second = caller.all(ReplyFinished)
    # What the worker gave before it died may have been all of the reply.
    assert first.status in (ReplyStatus.FAILED, ReplyStatus.COMPLETED)
    assert (second.status, bool(second.text)) == (ReplyStatus.COMPLETED, True)
    assert not any(event.fatal for event in caller.all(ConversationFailed))


async def test_nothing_leaves_the_machine(caller: Caller) -> None:
    question = await caller.spoken("Who are you?")
    await caller.wait(0.5)
    await caller.push(question)
    strangers: set[str] = set()

    def finished() -> bool:
        connections = psutil.Process().net_connections("inet")
        reached = {connection.raddr.ip.removeprefix("::ffff:") for connection in connections if connection.raddr}
        strangers.update(address for address in reached if not ipaddress.ip_address(address).is_loopback)
        return bool(caller.all(ReplyFinished))

    await caller.until(finished)

    assert caller.all(ReplyFinished)[0].status is ReplyStatus.COMPLETED
    assert strangers == set()


async def test_a_conversation_leaves_nothing_behind(parts: Parts) -> None:
    process = psutil.Process()

    async def converse() -> None:
        async with _call(parts) as caller:
            await caller.push(await caller.spoken("Hello there."))
            await caller.wait(1.0)

    async def settles_at(descriptors: int, threads: int) -> None:
        async with asyncio.timeout(20):  # gRPC closes its sockets in its own time
            while process.num_fds() > descriptors or process.num_threads() > threads:
                gc.collect()
                await asyncio.sleep(0.2)

    for _ in range(2):
        await converse()
    await asyncio.sleep(2.0)
    descriptors, threads = process.num_fds(), process.num_threads()
    for _ in range(3):
        await converse()

    assert asyncio.all_tasks() == {asyncio.current_task()}
    await settles_at(descriptors, threads)
