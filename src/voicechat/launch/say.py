"""`voicechat say`: through a running server, else with a worker that lives as long as the command."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from voicechat.audio.pcm import Pcm16
from voicechat.audio.wav import AudioError
from voicechat.client.errors import one_error
from voicechat.client.say import ServerUnreachable, save_speech, say
from voicechat.fleet.client import WorkerFleet
from voicechat.fleet.port import AudioChunk, Pace, SpeechRequest, SpeechStream, Started
from voicechat.launch.service import Service
from voicechat.launch.services import voice_service
from voicechat.launch.supervisor import Supervisor
from voicechat.models.store import ModelStore
from voicechat.settings import Settings

DEFAULT_URL = "http://127.0.0.1:8080"
TEXT_PART_CHARS = 4000


def run_say(settings: Settings, text: str, voice: str, output: Path, url: str | None) -> float:
    """Speak `text` into the WAV file `output`; returns its length, s.

    Without `url`, a server at `DEFAULT_URL` is asked, and where there is none a worker is started for the moment.
    Raises `ClientError`, `VoiceError`, `ModelError`, `AudioError` or `ServiceFailed`.
    """
    if not output.parent.is_dir():
        raise AudioError(f"cannot write {output}: there is no directory {output.parent}")
    try:
        key = settings.client.api_key
        return asyncio.run(say(url or DEFAULT_URL, text, voice, output, key.get_secret_value() if key else None))
    except ServerUnreachable:
        if url is not None:
            raise
    model_id = voice or settings.tts.default_model
    ModelStore(settings.models.directory).require(model_id)
    tts = settings.tts.model_copy(update={"default_model": model_id})
    pcm, rate_hz = asyncio.run(_with_own_worker(settings.model_copy(update={"tts": tts}), text))
    return save_speech(pcm, rate_hz, output)


async def _with_own_worker(settings: Settings, text: str) -> tuple[Pcm16, int]:
    service = voice_service(settings)
    with one_error():
        async with Supervisor(_Silent()) as supervisor, asyncio.TaskGroup() as group:
            watching = group.create_task(supervisor.watch())
            await supervisor.start(service).became_ready()
            spoken = await _speak(settings, service.address, text)
            watching.cancel()
        return spoken


async def _speak(settings: Settings, address: str, text: str) -> tuple[Pcm16, int]:
    fleet = WorkerFleet(settings.tts.model_copy(update={"worker_address": address}))
    try:
        request = SpeechRequest(model_id=settings.tts.default_model, pace=Pace.BULK, sample_rate_hz=0)
        async with fleet.speak(request) as stream, asyncio.TaskGroup() as group:
            group.create_task(_push(stream, text))
            return await _collect(stream)
    finally:
        await fleet.aclose()


async def _push(stream: SpeechStream, text: str) -> None:
    for start in range(0, len(text), TEXT_PART_CHARS):
        await stream.push_text(text[start : start + TEXT_PART_CHARS])
    await stream.end()


async def _collect(stream: SpeechStream) -> tuple[Pcm16, int]:
    rate_hz = 0
    chunks: list[Pcm16] = [np.zeros(0, np.int16)]
    async for event in stream:
        match event:
            case Started():
                rate_hz = event.sample_rate_hz
            case AudioChunk():
                chunks.append(event.pcm)
    return np.concatenate(chunks), rate_hz


class _Silent:
    """Says nothing: a failure is told by its error."""

    def ready(self, service: Service, pid: int, took_s: float) -> None:
        """The worker answers."""

    def died(self, service: Service, pid: int, reason: str, restart_in_s: float | None) -> None:
        """The worker ended by itself."""

    def output(self, service: Service, line: str) -> None:
        """A line that the worker wrote."""
