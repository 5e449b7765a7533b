"""Workers that refuse, over the real wire: small servers in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
import pytest
from prometheus_client import CollectorRegistry

from voicechat.fleet.client import WorkerFleet
from voicechat.fleet.failover import FleetSpeechStream
from voicechat.fleet.metrics import FleetMetrics
from voicechat.fleet.port import SpeechRequest, VoiceError
from voicechat.fleet.record import ModelRecord, WorkerRecord
from voicechat.fleet.registry import MemoryRegistry
from voicechat.fleet.wire import RETRY_AFTER
from voicechat.launch.ports import free_port
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.settings import TtsSettings

BUSY = (grpc.StatusCode.RESOURCE_EXHAUSTED, "all places are taken")
DRAINING = (grpc.StatusCode.UNAVAILABLE, "this worker is draining and takes no new replies; ask another worker")
BROKEN = (grpc.StatusCode.INTERNAL, "synthesis failed")
WRONG = (grpc.StatusCode.INVALID_ARGUMENT, "speed is 9")


@dataclass
class Scripted:
    """Refuses with a status, or takes every reply and ends it."""

    refusal: tuple[grpc.StatusCode, str] | None = None
    asked: int = 0

    @property
    def handler(self) -> grpc.GenericRpcHandler:
        synthesize = grpc.stream_stream_rpc_method_handler(
            self.synthesize, pb.SynthesizeRequest.FromString, pb.SynthesizeResponse.SerializeToString
        )
        return grpc.method_handlers_generic_handler("voicechat.tts.v1.Synthesizer", {"Synthesize": synthesize})

    async def synthesize(
        self, requests: AsyncIterator[pb.SynthesizeRequest], context: grpc.aio.ServicerContext[Any, Any]
    ) -> None:
        self.asked += 1
        await anext(aiter(requests))
        if self.refusal is not None:
            await context.abort(*self.refusal, ((RETRY_AFTER, "1500"),))
        await context.write(pb.SynthesizeResponse(started=pb.Started(model_id="joe", sample_rate=24_000, seed=1)))
        await context.write(pb.SynthesizeResponse(done=pb.Done()))


@asynccontextmanager
async def fleet_of(*workers: Scripted | None, counted: CollectorRegistry | None = None) -> AsyncIterator[WorkerFleet]:
    """A fleet of workers named 0, 1...; None is one that is not there. The first holds the model in memory."""
    registry = MemoryRegistry(asyncio.get_running_loop().time)
    async with AsyncExitStack() as stack:
        for number, worker in enumerate(workers):
            port = free_port()
            if worker is not None:
                server = grpc.aio.server()
                server.add_generic_rpc_handlers((worker.handler,))
                server.add_insecure_port(f"127.0.0.1:{port}")
                await server.start()
                stack.push_async_callback(server.stop, None)
            model = ModelRecord(id="joe", resident=number == 0)
            record = WorkerRecord(name=str(number), address=f"127.0.0.1:{port}", models=(model,), capacity=4)
            await registry.announce(record, 1000)
        metrics = FleetMetrics(counted or CollectorRegistry(), ("joe",))
        fleet = WorkerFleet(TtsSettings(connect_timeout_s=1.0), None, registry, 1000, metrics)
        stack.push_async_callback(fleet.aclose)
        following = asyncio.ensure_future(fleet.follow())
        await asyncio.sleep(0.01)
        yield fleet
        following.cancel()


async def speaker(fleet: WorkerFleet) -> str:
    async with fleet.speak(SpeechRequest(model_id="joe")) as stream:
        assert isinstance(stream, FleetSpeechStream)
        await stream.end()
        async for _ in stream:
            pass
        return stream.worker


@pytest.mark.parametrize("refusal", [BUSY, DRAINING, BROKEN], ids=["busy", "draining", "broken"])
async def test_what_one_worker_refuses_another_is_asked(refusal: tuple[grpc.StatusCode, str]) -> None:
    first, second = Scripted(refusal), Scripted()
    async with fleet_of(first, second) as fleet:
        assert await speaker(fleet) == "1"
        assert first.asked == 1


async def test_a_worker_that_is_not_there_is_passed_over() -> None:
    counted = CollectorRegistry()
    async with fleet_of(None, Scripted(), counted=counted) as fleet:
        assert [await speaker(fleet), await speaker(fleet)] == ["1", "1"]
    assert counted.get_sample_value("worker_errors_total", {"reason": "unreachable"})
    assert counted.get_sample_value("worker_tasks_total") == 2


async def test_when_all_are_busy_the_caller_is_told_at_once_and_when_to_come_back() -> None:
    counted = CollectorRegistry()
    first, second = Scripted(BUSY), Scripted(BUSY)
    async with fleet_of(first, second, counted=counted) as fleet:
        with pytest.raises(VoiceError, match="every worker is busy") as told:
            await speaker(fleet)
    assert (told.value.code, told.value.retry_after_s) == ("RESOURCE_EXHAUSTED", 1.5)
    assert first.asked == second.asked == 1
    labels = {"model": "joe", "reason": "resource_exhausted"}
    assert counted.get_sample_value("synthesis_errors_total", labels) == 1
    assert counted.get_sample_value("synthesis_queue_depth") == counted.get_sample_value("synthesis_active") == 0


async def test_busy_is_said_even_if_the_last_worker_is_gone() -> None:
    async with fleet_of(Scripted(BUSY), None) as fleet:
        with pytest.raises(VoiceError) as told:
            await speaker(fleet)
    assert told.value.code == "RESOURCE_EXHAUSTED"


async def test_a_wrong_request_is_asked_of_nobody_else() -> None:
    first, second = Scripted(WRONG), Scripted()
    async with fleet_of(first, second) as fleet:
        with pytest.raises(VoiceError, match="speed is 9"):
            await speaker(fleet)
    assert (first.asked, second.asked) == (1, 0)


async def test_a_session_stays_with_its_worker() -> None:
    async with fleet_of(Scripted(), Scripted(), Scripted()) as fleet:
        request = SpeechRequest(model_id="joe", session="s")
        fleet._affinity.spoke("s", "2")
        async with fleet.speak(request) as stream:
            assert isinstance(stream, FleetSpeechStream)
            assert stream.worker == "2"
