"""What the one worker that the settings name says of itself, where no registry does."""

from __future__ import annotations

import asyncio

import grpc.aio

from voicechat.fleet.channels import WorkerLink
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb

ANSWER_S = 1.0


class SeedCapacity:
    """How many replies the worker can speak at once, as it last measured; None before it has answered.

    Args:
        link: The channel to it.
        every_s: How often it is asked.
    """

    def __init__(self, link: WorkerLink, every_s: float) -> None:
        self._link = link
        self._every_s = every_s
        self.replies: int | None = None

    async def follow(self) -> None:
        """Ask for as long as this runs; one that does not answer is thought to be as it was."""
        while True:
            try:
                with self._link.used():
                    status = await self._link.stub.GetStatus(pb.GetStatusRequest(), timeout=ANSWER_S)
                self.replies = status.capacity
            except grpc.aio.AioRpcError:
                pass
            await asyncio.sleep(self._every_s)
