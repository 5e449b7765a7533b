"""Two real workers that register themselves in a real Redis, and a fleet that finds them there."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from support.redis import RedisServer, new_redis

from voicechat.audio.pcm import Pcm16, ms_to_samples, samples_to_ms
from voicechat.fleet.client import WorkerFleet
from voicechat.fleet.open import open_fleet
from voicechat.fleet.port import AudioChunk, Pace, SpeechEvent, SpeechRequest, SpeechStream, WordsTimed
from voicechat.fleet.record import WorkerRecord
from voicechat.fleet.redis_registry import WORKER, WORKERS, RedisRegistry
from voicechat.fleet.registry import RegistryError
from voicechat.launch.ports import free_port
from voicechat.launch.workers import known_workers
from voicechat.settings import Settings

HEARTBEAT_S = 0.5
HASTE = 3
TEXT = "Well, here is a first clause, and $5 for Dr. Smith. The second sentence is long enough to cut."
IN_THE_LAST_SEGMENT_MS = 4700
"""Far from both of its ends: between two segments, what no word covers is left out."""


@dataclass
class Worker:
    name: str
    port: int
    redis_url: str
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        given = {
            "VOICECHAT_WORKER__NAME": self.name,
            "VOICECHAT_WORKER__PORT": str(self.port),
            "VOICECHAT_WORKER__METRICS_PORT": "0",
            "VOICECHAT_WORKER__THREADS": "1",
            "REDIS_URL": self.redis_url,
            "VOICECHAT_REDIS__HEARTBEAT_S": str(HEARTBEAT_S),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "voicechat.tts"], env=os.environ | given, stdout=subprocess.PIPE, text=True
        )

    def wait_until_ready(self) -> None:
        assert self.process is not None and self.process.stdout is not None
        assert json.loads(self.process.stdout.readline())["address"] == f"127.0.0.1:{self.port}"

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    server = new_redis()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def workers(redis_server: RedisServer) -> Iterator[dict[str, Worker]]:
    made = [Worker(name, free_port(), redis_server.url) for name in ("one", "two")]
    try:
        for worker in made:
            worker.start()
        for worker in made:
            worker.wait_until_ready()
        yield {worker.name: worker for worker in made}
    finally:
        for worker in made:
            worker.end()


def settings_of(server: RedisServer) -> Settings:
    return Settings.model_validate(
        {"redis": {"url": server.url, "heartbeat_s": HEARTBEAT_S}, "tts": {"worker_address": "127.0.0.1:1"}}
    )


@asynccontextmanager
async def fleet_on(
    server: RedisServer, counted: CollectorRegistry | None = None, known: int = 2
) -> AsyncIterator[WorkerFleet]:
    async with open_fleet(settings_of(server), counted or CollectorRegistry()) as fleet:
        await until(lambda: len(registered(fleet)) == known)
        yield fleet


def registered(fleet: WorkerFleet) -> list[str]:
    return [member.name for member in fleet.members if not member.is_seed]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.05)


async def speak(
    fleet: WorkerFleet,
    session: str,
    meanwhile: Callable[[SpeechStream, float], Awaitable[None]] | None = None,
    pace: Pace = Pace.BULK,
) -> list[SpeechEvent]:
    """A reply, in REALTIME to a listener in haste; `meanwhile` is told how much audio has come, ms."""
    request = SpeechRequest(seed=7, session=session, pace=pace)
    async with fleet.speak(request) as stream:
        await stream.push_text(TEXT)
        await stream.end()
        events: list[SpeechEvent] = []
        listening = asyncio.ensure_future(listen(stream, events))
        async for event in stream:
            events.append(event)
            if isinstance(event, AudioChunk) and meanwhile is not None:
                await meanwhile(stream, samples_to_ms(event.offset_samples + event.pcm.size, 24_000))
        listening.cancel()
        return events


async def listen(stream: SpeechStream, events: list[SpeechEvent]) -> None:
    """Play what has come, faster than it is spoken but never more than there is."""
    played = 0
    while True:
        await asyncio.sleep(0.05)
        received = sum(event.pcm.size for event in events if isinstance(event, AudioChunk))
        played = min(received, played + HASTE * ms_to_samples(50, 24_000))
        await stream.played(played)


def audio_of(events: list[SpeechEvent]) -> Pcm16:
    return np.concatenate([event.pcm for event in events if isinstance(event, AudioChunk)])


def words_of(events: list[SpeechEvent]) -> list[tuple[str, int, int]]:
    return [
        (word.text, word.char_start, round(word.start_ms))
        for event in events
        if isinstance(event, WordsTimed)
        for word in event.words
    ]


async def speaker_of(fleet: WorkerFleet, session: str) -> str:
    name = await fleet._affinity.worker_of(session)
    assert name is not None
    return name


async def test_workers_are_found_by_their_advertised_address_and_a_session_stays_with_one(
    redis_server: RedisServer, workers: dict[str, Worker]
) -> None:
    async with fleet_on(redis_server) as fleet:
        assert sorted(registered(fleet)) == ["one", "two"]
        await fleet.check()
        voices = {model.id: model for model in await fleet.models()}
        assert voices["piper-en-us-joe-medium"].resident
        await speak(fleet, "steady")
        first = await speaker_of(fleet, "steady")
        await speak(fleet, "steady")
        assert await speaker_of(fleet, "steady") == first
        registry = RedisRegistry(redis_server.url)
        assert await registry.recall("steady") == first
        await registry.aclose()


def test_the_command_lists_the_fleet(redis_server: RedisServer, workers: dict[str, Worker]) -> None:
    command = [sys.executable, "-c", "from voicechat.cli import main; main()", "workers"]
    environment = os.environ | {"REDIS_URL": redis_server.url}
    told = [
        subprocess.run([*command, *options], env=environment, capture_output=True, text=True, check=True).stdout
        for options in (["--json"], [])
    ]
    listed = {worker["name"]: worker for worker in json.loads(told[0])}
    assert listed["one"]["address"] == f"127.0.0.1:{workers['one'].port}" and not listed["one"]["draining"]
    assert {"id": "piper-en-us-joe-medium", "languages": ["en-US"], "resident": True} in listed["two"]["models"]
    assert "one" in told[1] and "idle" in told[1]


async def test_without_a_registry_the_worker_of_the_settings_tells_of_itself(workers: dict[str, Worker]) -> None:
    address = f"127.0.0.1:{workers['one'].port}"
    (alone,) = await known_workers(Settings.model_validate({"tts": {"worker_address": address}}), None)

    assert (alone.address, alone.engine, alone.active) == (address, "piper", 0) and alone.capacity > 0
    assert [model.id for model in alone.models if model.resident] == ["piper-en-us-joe-medium"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
async def test_a_reply_outlives_its_worker_word_for_word_and_sample_for_sample(
    redis_server: RedisServer, workers: dict[str, Worker], number: signal.Signals
) -> None:
    counted = CollectorRegistry()
    async with fleet_on(redis_server, counted) as fleet:
        undisturbed = await speak(fleet, "whole", pace=Pace.REALTIME)

        async def end_it(stream: SpeechStream, received_ms: float) -> None:
            if not fallen and received_ms > IN_THE_LAST_SEGMENT_MS:
                workers[stream.worker].signal(number)  # type: ignore[attr-defined]
                fallen.append(stream.worker)  # type: ignore[attr-defined]

        fallen: list[str] = []
        try:
            got = await speak(fleet, "broken", end_it, Pace.REALTIME)
        finally:
            await revive(workers[fallen[0]], number)

        assert [word[:2] for word in words_of(got)] == [word[:2] for word in words_of(undisturbed)]
        assert [word[2] for word in words_of(got)] == pytest.approx([word[2] for word in words_of(undisturbed)], abs=2)
        heard, whole = audio_of(got), audio_of(undisturbed)
        assert abs(heard.size - whole.size) <= ms_to_samples(5, 24_000)
        # The other worker's resampler begins anew, at a fraction of a sample: the same sound, not the same bits.
        common = min(heard.size, whole.size)
        difference = heard[:common].astype(float) - whole[:common]
        assert np.sqrt(np.mean(difference**2)) < 0.2 * np.sqrt(np.mean(whole[:common].astype(float) ** 2))
        # On a busy machine a worker that is only slow may be left as well.
        assert (counted.get_sample_value("voicechat_worker_failovers_total", {"reason": "unavailable"}) or 0) >= 1
        await until(lambda: len(registered(fleet)) == 2)


async def revive(worker: Worker, number: signal.Signals) -> None:
    if number is signal.SIGSTOP:
        worker.signal(signal.SIGCONT)
        return
    worker.end()
    worker.start()
    await asyncio.to_thread(worker.wait_until_ready)


async def test_redis_may_go_and_come_back_empty_while_replies_are_spoken(
    redis_server: RedisServer, workers: dict[str, Worker]
) -> None:
    async with fleet_on(redis_server) as fleet:
        redis_server.stop()
        registry = RedisRegistry(redis_server.url)
        with pytest.raises(RegistryError, match=r"redis\.url"):
            await registry.snapshot()
        await registry.aclose()
        assert audio_of(await speak(fleet, "without")).size > 24_000
        await asyncio.sleep(3.5 * HEARTBEAT_S)
        assert sorted(registered(fleet)) == ["one", "two"]
        redis_server.start()
        registry = RedisRegistry(redis_server.url)
        async with asyncio.timeout(10):
            while len((await registry.snapshot()).workers) < 2:
                await asyncio.sleep(0.05)
        assert sorted(registered(fleet)) == ["one", "two"]
        assert audio_of(await speak(fleet, "without")).size > 24_000
        await registry.aclose()


async def test_a_draining_worker_leaves_the_registry_first_and_finishes_its_reply(
    redis_server: RedisServer, workers: dict[str, Worker]
) -> None:
    async with fleet_on(redis_server) as fleet:
        drained: list[str] = []

        async def drain(stream: SpeechStream, received_ms: float) -> None:
            if not drained and received_ms > 1000:
                drained.append(stream.worker)  # type: ignore[attr-defined]
                workers[drained[0]].signal(signal.SIGTERM)
                await until(lambda: drained[0] not in registered(fleet))

        got = await speak(fleet, "drained", drain)
        undisturbed = await speak(fleet, "other")
        assert np.array_equal(audio_of(got), audio_of(undisturbed))
        process = workers[drained[0]].process
        assert process is not None and await asyncio.to_thread(process.wait, 15) == 0


async def test_records_expire_and_scripts_keep_names_apart(redis_server: RedisServer) -> None:
    registry = RedisRegistry(redis_server.url)
    old, new = (WorkerRecord(name="three", address="host:1", instance=each) for each in ("old", "new"))
    await registry.announce(old, 10)
    await registry.announce(new, 10)
    await registry.withdraw(old)
    client = registry._redis
    assert b"three" in await client.zrange(WORKERS, 0, -1)
    assert 9000 < await client.pttl(WORKER + "three") <= 10_000
    await registry.withdraw(new)
    assert not await client.exists(WORKER + "three") and b"three" not in await client.zrange(WORKERS, 0, -1)
    await registry.announce(new, 0.05)
    await asyncio.sleep(0.1)
    assert "three" not in [record.name for record in (await registry.snapshot()).workers]
    await registry.announce(old.model_copy(update={"name": "four"}), 1)
    assert b"three" not in await client.zrange(WORKERS, 0, -1)
    await registry.aclose()
