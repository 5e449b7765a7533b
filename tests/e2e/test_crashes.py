"""A part that dies is started again, the log says so, and the next turn works."""

from __future__ import annotations

import asyncio

import pytest
from support.realtime import connect, listen, type_text
from support.stack import Stack

PARTS = {"worker": "voicechat.tts", "model": "voicechat.llm.embedded"}


async def _answered(stack: Stack) -> bool:
    async with connect(stack) as connection:
        await type_text(connection, "Say hello.")
        heard = await listen(connection)
        return heard.status == "completed" and heard.audio.size > 0


async def _recovers(stack: Stack) -> None:
    async with asyncio.timeout(60):
        while not await _answered(stack):
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("part", PARTS)
async def test_a_part_killed_while_idle_is_replaced(own_stack: Stack, part: str) -> None:
    assert await _answered(own_stack)
    victim = own_stack.child(PARTS[part])
    victim.kill()

    await _recovers(own_stack)

    assert own_stack.child(PARTS[part]).pid != victim.pid
    assert str(victim.pid) in own_stack.log.read_text()


@pytest.mark.parametrize("part", PARTS)
async def test_a_part_killed_while_speaking_costs_at_most_its_turn(own_stack: Stack, part: str) -> None:
    async with connect(own_stack) as connection:
        await type_text(connection, "Tell me a long story about a ship and its captain.")
        await listen(connection, "response.output_audio.delta")
        own_stack.child(PARTS[part]).kill()
        cut = await listen(connection)
        assert cut.status in ("completed", "failed", "cancelled", "incomplete")

        async with asyncio.timeout(60):
            while True:
                await type_text(connection, "Say hello.")
                if (await listen(connection)).status == "completed":
                    break
                await asyncio.sleep(0.2)
    assert "SIGKILL" in own_stack.log.read_text()
