from __future__ import annotations

import asyncio

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voicechat.audio.pcm import Pcm16
from voicechat.client.playout import RATE_HZ, PlayoutBuffer, play_in_real_time


def pcm(*values: int) -> Pcm16:
    return np.array(values, np.int16)


def ms(duration_ms: int, value: int = 1) -> Pcm16:
    return np.full(duration_ms * RATE_HZ // 1000, value, np.int16)


def test_replies_are_heard_in_the_order_they_came_with_silence_after_them() -> None:
    buffer = PlayoutBuffer()
    buffer.push("a", pcm(1, 2, 3))
    buffer.push("b", pcm(4))

    assert buffer.read(2).tolist() == [1, 2]
    assert buffer.read(4).tolist() == [3, 4, 0, 0]


def test_what_was_cleared_is_not_heard_and_does_not_count() -> None:
    buffer = PlayoutBuffer()
    buffer.push("a", ms(100))
    buffer.read(RATE_HZ // 50)

    buffer.clear("a")

    assert not buffer.read(RATE_HZ // 50).any()
    assert buffer.current == ("a", 20)
    assert buffer.waiting_ms == 0


def test_clearing_one_reply_leaves_the_next() -> None:
    buffer = PlayoutBuffer()
    buffer.push("a", pcm(1, 1))
    buffer.push("b", pcm(2))

    buffer.clear("a")

    assert buffer.read(2).tolist() == [2, 0]


def test_audio_that_follows_a_clear_is_heard() -> None:
    buffer = PlayoutBuffer()
    buffer.push("a", ms(20))
    buffer.clear("a")
    buffer.push("a", pcm(7))

    assert buffer.read(1).tolist() == [7]


def test_the_place_where_a_reply_was_first_heard_counts_the_silence_before_it() -> None:
    buffer = PlayoutBuffer()
    buffer.read(RATE_HZ)
    buffer.push("a", ms(20))

    assert buffer.first_heard_ms("a") is None
    buffer.read(RATE_HZ)
    assert buffer.first_heard_ms("a") == 1000


def test_audio_far_ahead_is_dropped_so_that_memory_stays_bounded() -> None:
    buffer = PlayoutBuffer()
    for _ in range(700):
        buffer.push("a", ms(1000))

    assert buffer.waiting_ms == 600_000


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 50))), st.lists(st.integers(1, 40)))
def test_no_sample_is_lost_or_heard_twice(chunks: list[tuple[str, int]], reads: list[int]) -> None:
    buffer = PlayoutBuffer()
    numbers = iter(range(1, 10_000))
    pushed: list[int] = []
    for item_id, size in chunks:
        samples = [next(numbers) for _ in range(size)]
        buffer.push(item_id, pcm(*samples))
        pushed += samples

    heard = [int(sample) for size in reads for sample in buffer.read(size)]

    expected = (pushed + [0] * sum(reads))[: sum(reads)]
    assert heard == expected
    assert buffer.timeline_samples == sum(reads)


async def test_the_clock_reads_exactly_as_much_as_time_passes() -> None:
    heard: list[Pcm16] = []
    buffer = PlayoutBuffer()
    task = asyncio.ensure_future(play_in_real_time(buffer, heard.append, began_s=0.0))
    await asyncio.sleep(0.99)
    task.cancel()

    assert sum(block.size for block in heard) == RATE_HZ
    assert {block.size for block in heard} == {RATE_HZ // 50}


async def test_nothing_is_heard_before_it_came() -> None:
    buffer = PlayoutBuffer()
    task = asyncio.ensure_future(play_in_real_time(buffer, lambda _: None, began_s=0.0))
    await asyncio.sleep(0.505)
    buffer.push("a", ms(20))
    await asyncio.sleep(0.1)
    task.cancel()

    assert buffer.first_heard_ms("a") == 520
