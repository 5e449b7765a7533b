from __future__ import annotations

import asyncio
from typing import Any, cast

import grpc.aio

from voicechat.fleet.channels import WorkerLink
from voicechat.fleet.client import WorkerFleet
from voicechat.fleet.record import WorkerRecord
from voicechat.fleet.registry import MemoryRegistry
from voicechat.fleet.seed import SeedCapacity
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb
from voicechat.settings import GrpcSettings, TtsSettings

NOBODY = TtsSettings(worker_address="127.0.0.1:1")


async def test_the_fleet_can_speak_to_as_many_as_its_workers_tell() -> None:
    registry = MemoryRegistry(asyncio.get_running_loop().time)
    for name, draining in (("one", False), ("two", False), ("three", True)):
        await registry.announce(WorkerRecord(name=name, address="127.0.0.1:1", capacity=5, draining=draining), 60)
    fleet = WorkerFleet(NOBODY, registry=registry)
    assert fleet.capacity is None
    following = asyncio.ensure_future(fleet.follow())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert fleet.capacity == 10
    assert [(one.name, one.capacity) for one in await fleet.workers()] == [("one", 5), ("three", 5), ("two", 5)]
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await fleet.aclose()


class FakeStub:
    """A worker that answers, and then does not."""

    def __init__(self) -> None:
        self.asked = 0

    async def GetStatus(self, _: pb.GetStatusRequest, timeout: float) -> pb.GetStatusResponse:
        self.asked += 1
        if self.asked > 1:
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())
        return pb.GetStatusResponse(capacity=7)


async def test_a_seed_is_asked_for_what_it_can_speak_to_and_believed_while_it_is_silent() -> None:
    link = WorkerLink("127.0.0.1:1", GrpcSettings())
    stub = FakeStub()
    link.stub = cast(Any, stub)
    seed = SeedCapacity(link, 0)
    assert seed.replies is None
    following = asyncio.ensure_future(seed.follow())
    while stub.asked < 3:
        await asyncio.sleep(0)
    assert seed.replies == 7
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await link.aclose()
