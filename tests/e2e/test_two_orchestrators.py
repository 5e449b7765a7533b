"""Two orchestrators behind one Caddy, two workers and Redis: what holds a conversation may be restarted under it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from voicechat.bench.chaos import caller
from voicechat.bench.chaos.caller import Calls, call
from voicechat.bench.chaos.front import front
from voicechat.bench.chaos.parts import Installation, Orchestrator, installation
from voicechat.settings import Settings

SETTINGS = Settings.model_validate({"server": {"drain_s": 15, "shutdown_grace_s": 1}, "redis": {"heartbeat_s": 0.5}})


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installation(SETTINGS, 2, tmp_path, orchestrators=2) as running:
        yield running


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.05)


async def holder(made: Installation, besides: Orchestrator | None = None) -> Orchestrator:
    """The orchestrator that holds the one conversation, once one does; `besides` is no longer asked."""
    async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False, timeout=10) as client:
        while True:
            for each in made.orchestrators:
                if each is not besides and await holds(client, each):
                    return each
            await asyncio.sleep(0.05)


async def holds(client: httpx.AsyncClient, orchestrator: Orchestrator) -> bool:
    """One that is gone, or is too busy to say, holds nothing that is known."""
    try:
        return "\nsessions_active 1.0" in (await client.get(f"{orchestrator.ops_url}/metrics")).text
    except httpx.HTTPError:
        return False


async def test_a_conversation_outlives_the_processes_that_hold_it(
    made: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller, "THINKS_S", (0.1, 0.2))
    calls, over = Calls(), asyncio.Event()
    async with front(made.orchestrators, tmp_path) as url, asyncio.TaskGroup() as group:
        group.create_task(call(url, over, calls))
        await until(lambda: bool(calls.turns) and calls.turns[0].first_audio_at is not None)
        first = await holder(made)
        # A worker ends in the middle of the first answer, or beside it, and the orchestrator at once after it.
        made.workers[0].send(signal.SIGTERM)
        first.part.send(signal.SIGTERM)
        await until(lambda: len(calls.turns) > 1 and calls.turns[1].first_audio_at is not None)
        await holder(made, besides=first)
        over.set()
        await first.part.ended()

    assert len(calls.turns) > 1
    assert [(turn.status, turn.told, turn.lost) for turn in calls.turns] == [
        ("completed", number, False) for number in range(1, len(calls.turns) + 1)
    ]
    assert len(calls.moves_ms) == 1
    assert first.part.process is not None and first.part.process.returncode == 0
