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
    async with asyncio.timeout(40):
        while not condition():
            await asyncio.sleep(0.05)


async def holder(made: Installation) -> Orchestrator:
    """The orchestrator that holds the one conversation."""
    async with httpx.AsyncClient(trust_env=False) as client:
        for each in made.orchestrators:
            if "\nsessions_active 1.0" in (await client.get(f"{each.ops_url}/metrics")).text:
                return each
    raise AssertionError("nobody holds a conversation")


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
        await until(lambda: len(calls.turns) == 2 and calls.turns[1].first_audio_at is not None)
        over.set()
        await first.part.ended()
        assert await holder(made) is not first

    assert [(turn.status, turn.told, turn.lost) for turn in calls.turns] == [
        ("completed", 1, False),
        ("completed", 2, False),
    ]
    assert len(calls.moves_ms) == 1
    assert first.part.process is not None and first.part.process.returncode == 0
