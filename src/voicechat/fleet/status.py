"""What a worker says of itself when it is asked."""

from __future__ import annotations

import grpc.aio

from voicechat.fleet.channels import WorkerLink
from voicechat.fleet.record import ModelRecord, WorkerRecord
from voicechat.fleet.wire import voice_error
from voicechat.rpc.voicechat.tts.v1 import tts_pb2 as pb


async def ask_status(link: WorkerLink, within_s: float) -> WorkerRecord:
    """Its record, as the registry would have it; named by its address. Raises `VoiceError`."""
    await link.reach(within_s)
    try:
        with link.used():
            status = await link.stub.GetStatus(pb.GetStatusRequest(), timeout=within_s)
    except grpc.aio.AioRpcError as error:
        raise voice_error(error, link.address) from error
    return WorkerRecord(
        name=link.address,
        address=link.address,
        engine=status.engine,
        models=tuple(
            ModelRecord(id=model.id, languages=tuple(model.languages), resident=True)
            for model in status.resident_models
        ),
        capacity=status.capacity,
        active=status.active_streams + status.queue_depth,
        version=status.version,
        draining=status.draining,
    )
