"""Which of several orchestrators holds the one conversation there is, by their metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx

from voicechat.bench.chaos.parts import Orchestrator

HOLDS = "\nsessions_active 1.0\n"
ANSWERS = "\nsynthesis_active 1.0\n"
WITHIN_S = 60.0


async def holder(
    orchestrators: Sequence[Orchestrator], *, besides: Orchestrator | None = None, answering: bool = False
) -> Orchestrator:
    """The one that holds it, once one does, and speaks if it must be `answering`; `besides` is not asked."""
    asked = [each for each in orchestrators if each is not besides]
    async with asyncio.timeout(WITHIN_S), httpx.AsyncClient(trust_env=False, timeout=10) as client:
        while True:
            for each in asked:
                shown = await _metrics(client, each)
                if HOLDS in shown and (ANSWERS in shown or not answering):
                    return each
            await asyncio.sleep(0.05)


async def _metrics(client: httpx.AsyncClient, orchestrator: Orchestrator) -> str:
    """Nothing of one that is gone, or is too busy to say."""
    try:
        return (await client.get(f"{orchestrator.ops_url}/metrics")).text
    except httpx.HTTPError:
        return ""
