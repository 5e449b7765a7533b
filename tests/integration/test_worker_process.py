"""The life of a worker process: full, drained, killed, absent; and the metrics that it serves."""

from __future__ import annotations

import asyncio
import signal
import urllib.request

import pytest
from support.worker import TEXT, audio_of, bulk, events_of, running_worker, speak

from voicechat.fleet.client import WorkerFleet
from voicechat.fleet.port import SpeechDone, SpeechRequest, VoiceError
from voicechat.launch.ports import free_port
from voicechat.settings import TtsSettings


async def test_a_full_worker_says_when_to_come_back() -> None:
    with running_worker(capacity=1, max_queue=0) as worker:
        fleet = WorkerFleet(TtsSettings(worker_address=worker.address))
        async with fleet.speak(SpeechRequest()) as first:
            await anext(aiter(first))
            with pytest.raises(VoiceError) as refused:
                await speak(fleet, "Hello.", SpeechRequest())
        await fleet.aclose()

    assert refused.value.code == "RESOURCE_EXHAUSTED"
    assert refused.value.retry_after_s is not None and refused.value.retry_after_s > 0


async def test_sigterm_lets_running_replies_end_and_refuses_new_ones() -> None:
    with running_worker(drain_s=20) as worker:
        fleet = WorkerFleet(TtsSettings(worker_address=worker.address))
        async with fleet.speak(bulk()) as stream:
            await stream.push_text(TEXT)
            await anext(aiter(stream))
            worker.process.send_signal(signal.SIGTERM)
            await _until_refused(fleet)
            await stream.end()
            events = await events_of(stream)
        await fleet.aclose()
        code = await asyncio.to_thread(worker.process.wait, 20)

    done = events[-1]
    assert isinstance(done, SpeechDone) and not done.stopped and audio_of(events).size > 24_000
    assert code == 0


async def _until_refused(fleet: WorkerFleet) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                await speak(fleet, "", bulk())
            except VoiceError as error:
                assert error.code == "UNAVAILABLE" and "draining" in str(error)
                return


async def test_a_worker_that_was_killed_is_found_again() -> None:
    with running_worker() as worker:
        fleet = WorkerFleet(TtsSettings(worker_address=worker.address))
        async with fleet.speak(SpeechRequest()) as stream:
            await stream.push_text(TEXT)
            await anext(aiter(stream))
            worker.process.kill()
            with pytest.raises(VoiceError) as lost:
                await events_of(stream)
    with running_worker(port=worker.address.rpartition(":")[2]):
        events = await speak(fleet, "Here again.", bulk())
        await fleet.aclose()

    assert lost.value.code == "UNAVAILABLE"
    assert audio_of(events).size > 0


async def test_nobody_there_is_said_with_what_to_do() -> None:
    fleet = WorkerFleet(TtsSettings(worker_address="127.0.0.1:1", connect_timeout_s=0.3))
    with pytest.raises(VoiceError, match="voicechat worker") as refused:
        await fleet.check()
    await fleet.aclose()

    assert refused.value.code == "UNAVAILABLE"


def test_metrics_and_health_are_served() -> None:
    port = free_port()
    with running_worker(metrics_port=port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            assert answer.read() == b"serving\n"

    assert "voicechat_worker_models_resident 1.0" in text
    assert "_created" not in text
    assert 'voicechat_worker_model_load_seconds_count{model="piper-en-us-joe-medium"} 1.0' in text
