from __future__ import annotations

import asyncio

import grpc
import pytest
from support.virtual_time import run

from voicechat.tts.admission import Admission
from voicechat.tts.refusal import Refusal
from voicechat.tts.scheduler import Pace


async def hold(admission: Admission, seconds: float, pace: Pace = Pace.REALTIME) -> float:
    """Take a place for a while; returns when it was had."""
    async with admission.place(pace):
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(seconds)
        return now


def test_replies_past_the_capacity_wait_their_turn() -> None:
    async def scene() -> list[float]:
        admission = Admission(capacity=2, max_queue=5, max_wait_s=60)
        return await asyncio.gather(*(hold(admission, 10) for _ in range(5)))

    assert run(scene()) == [0, 0, 10, 10, 20]


def test_files_do_not_take_the_places_of_calls() -> None:
    async def scene() -> float:
        admission = Admission(capacity=1, max_queue=5, max_wait_s=60)
        file = asyncio.ensure_future(hold(admission, 10, Pace.BULK))
        had_at = await hold(admission, 1)
        await file
        return had_at

    assert run(scene()) == 0


def test_a_full_queue_refuses_with_a_hint() -> None:
    async def scene() -> Refusal:
        admission = Admission(capacity=1, max_queue=0, max_wait_s=60)
        async with admission.place(Pace.REALTIME):
            with pytest.raises(Refusal) as refused:
                await hold(admission, 1)
        assert admission.active == 0
        return refused.value

    refusal = run(scene())
    assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refusal.retry_after_ms and "worker.capacity" in refusal.text


def test_a_wait_that_lasts_too_long_is_refused_and_leaves_no_trace() -> None:
    async def scene() -> int:
        admission = Admission(capacity=1, max_queue=3, max_wait_s=5)
        async with admission.place(Pace.REALTIME):
            with pytest.raises(Refusal):
                await hold(admission, 1)
            assert admission.queued == 0
        return admission.active

    assert run(scene()) == 0


def test_one_that_gives_up_waiting_does_not_keep_the_next_out() -> None:
    async def scene() -> float:
        admission = Admission(capacity=1, max_queue=3, max_wait_s=60)
        first = asyncio.ensure_future(hold(admission, 10))
        await asyncio.sleep(1)
        impatient, patient = [asyncio.ensure_future(hold(admission, 1)) for _ in range(2)]
        await asyncio.sleep(1)
        impatient.cancel()
        await first
        return await patient

    assert run(scene()) == 10
