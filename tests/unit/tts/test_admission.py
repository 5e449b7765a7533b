from __future__ import annotations

import asyncio

import grpc
import pytest
from support.virtual_time import run

from voicechat.tts.admission import Admission
from voicechat.tts.refusal import Refusal
from voicechat.tts.scheduler import Pace
from voicechat.tts.speed import Speed


def admission(capacity: int, max_queue: int, max_wait_s: float) -> Admission:
    """With a machine that is fast enough for anything."""
    speed = Speed(threads=1, most=capacity)
    speed.worked(took_s=0.001, audio_s=1.0)
    return Admission(speed, max_queue, max_wait_s)


async def hold(places: Admission, seconds: float, pace: Pace = Pace.REALTIME) -> float:
    """Take a place for a while; returns when it was had."""
    async with places.place(pace):
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(seconds)
        return now


def test_replies_past_the_capacity_wait_their_turn() -> None:
    async def scene() -> list[float]:
        places = admission(capacity=2, max_queue=5, max_wait_s=60)
        return await asyncio.gather(*(hold(places, 10) for _ in range(5)))

    assert run(scene()) == [0, 0, 10, 10, 20]


def test_files_do_not_take_the_places_of_calls() -> None:
    async def scene() -> float:
        places = admission(capacity=1, max_queue=5, max_wait_s=60)
        file = asyncio.ensure_future(hold(places, 10, Pace.BULK))
        had_at = await hold(places, 1)
        await file
        return had_at

    assert run(scene()) == 0


def test_a_full_queue_refuses_with_a_hint() -> None:
    async def scene() -> Refusal:
        places = admission(capacity=1, max_queue=0, max_wait_s=60)
        async with places.place(Pace.REALTIME):
            with pytest.raises(Refusal) as refused:
                await hold(places, 1)
        assert places.active == 0
        return refused.value

    refusal = run(scene())
    assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refusal.retry_after_ms and "worker.capacity" in refusal.text


def test_a_wait_that_lasts_too_long_is_refused_and_leaves_no_trace() -> None:
    async def scene() -> int:
        places = admission(capacity=1, max_queue=3, max_wait_s=5)
        async with places.place(Pace.REALTIME):
            with pytest.raises(Refusal):
                await hold(places, 1)
            assert places.queued == 0
        return places.active

    assert run(scene()) == 0


def test_one_that_gives_up_waiting_does_not_keep_the_next_out() -> None:
    async def scene() -> float:
        places = admission(capacity=1, max_queue=3, max_wait_s=60)
        first = asyncio.ensure_future(hold(places, 10))
        await asyncio.sleep(1)
        impatient, patient = [asyncio.ensure_future(hold(places, 1)) for _ in range(2)]
        await asyncio.sleep(1)
        impatient.cancel()
        await first
        return await patient

    assert run(scene()) == 10


def test_a_worker_takes_what_it_is_fast_enough_for() -> None:
    async def scene() -> tuple[int, int]:
        speed = Speed(threads=2)
        places = Admission(speed, max_queue=5, max_wait_s=60)
        places.worked(took_s=2.0, audio_s=10.0)
        alone = places.capacity
        async with places.place(Pace.BULK):
            return alone, places.capacity

    assert run(scene()) == (9, 8)


def test_who_waits_is_served_as_soon_as_the_worker_is_faster() -> None:
    async def scene() -> float:
        speed = Speed(threads=1)
        speed.worked(took_s=8.0, audio_s=10.0)
        places = Admission(speed, max_queue=5, max_wait_s=60)
        first = asyncio.ensure_future(hold(places, 100))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(hold(places, 1))
        await asyncio.sleep(5)
        places.worked(took_s=10.0, audio_s=100.0)
        had_at = await second
        first.cancel()
        return had_at

    assert run(scene()) == 5
