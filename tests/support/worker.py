"""A real worker process, and what tests ask of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from voicechat.audio.pcm import Pcm16
from voicechat.fleet.client import WorkerFleet
from voicechat.fleet.port import (
    AudioChunk,
    Pace,
    SpeechEvent,
    SpeechRequest,
    SpeechStream,
    SpokenWord,
    WordsTimed,
)

TEXT = "Well, here is a first clause, and $5 for Dr. Smith. This is the second sentence. And a third one ends it."


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A worker that can speak.

    Attributes:
        process: Its process.
        address: host:port of its gRPC server.
    """

    process: subprocess.Popen[str]
    address: str


@contextmanager
def running_worker(models: os.PathLike[str] | None = None, **settings: object) -> Iterator[WorkerProcess]:
    """A worker with these settings of its section, on free ports; killed at the end, if it has not ended by itself."""
    given = {"port": 0, "metrics_port": 0, **settings}
    environment = os.environ | {f"VOICECHAT_WORKER__{name.upper()}": str(value) for name, value in given.items()}
    if models is not None:
        environment["VOICECHAT_MODELS"] = str(models)
    command = [sys.executable, "-m", "voicechat.tts"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, f"the worker ended with {process.wait()}"
            yield WorkerProcess(process, json.loads(line)["address"])
        finally:
            process.kill()


def bulk(seed: int = 7, **options: object) -> SpeechRequest:
    return SpeechRequest(seed=seed, pace=Pace.BULK, **options)  # type: ignore[arg-type]


async def events_of(stream: SpeechStream) -> list[SpeechEvent]:
    return [event async for event in stream]


async def speak(fleet: WorkerFleet, text: str, request: SpeechRequest) -> list[SpeechEvent]:
    async with fleet.speak(request) as stream:
        await stream.push_text(text)
        await stream.end()
        return await events_of(stream)


def audio_of(events: list[SpeechEvent]) -> Pcm16:
    return np.concatenate([event.pcm for event in events if isinstance(event, AudioChunk)] or [np.zeros(0, np.int16)])


def words_of(events: list[SpeechEvent]) -> list[SpokenWord]:
    return [word for event in events if isinstance(event, WordsTimed) for word in event.words]
