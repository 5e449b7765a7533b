"""Conversations do not hear each other, and leave nothing behind."""

from __future__ import annotations

import asyncio

import numpy as np
import psutil
from support.realtime import RATE_HZ, connect, listen, send_audio, spoken, type_text
from support.speech import silence, word_error_rate
from support.stack import Stack


async def _ask(stack: Stack, question: str) -> tuple[str, str]:
    pcm = np.concatenate([spoken(stack, question), silence(1.0, RATE_HZ)])
    async with connect(stack) as connection:
        await send_audio(connection, pcm, real_time=True)
        heard = await listen(connection)
        return heard.question, heard.reply


async def test_two_conversations_at_once_do_not_hear_each_other(stack: Stack) -> None:
    questions = ["What is the capital of France?", "Why do people sleep at night?"]
    answers = await asyncio.gather(*(_ask(stack, question) for question in questions))
    for question, (heard, reply) in zip(questions, answers, strict=True):
        assert word_error_rate([question], [heard]) <= 0.20
        assert reply


async def test_ten_conversations_leave_nothing_behind(stack: Stack) -> None:
    async def one() -> None:
        async with connect(stack) as connection:
            await type_text(connection, "Say hello.")
            await listen(connection)

    def holdings() -> tuple[int, int]:
        processes = [psutil.Process(stack.process.pid), *psutil.Process(stack.process.pid).children(recursive=True)]
        return len(processes), sum(process.num_fds() for process in processes)

    await one()
    await asyncio.sleep(2)
    processes, descriptors = holdings()
    for _ in range(10):
        await one()
    async with asyncio.timeout(15):
        while holdings()[1] > descriptors:
            await asyncio.sleep(0.5)
    assert holdings()[0] == processes
