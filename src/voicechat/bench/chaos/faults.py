"""What is done to the fleet, one thing after another, and what is true of it meanwhile."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from voicechat.bench.chaos.parts import Installation, Part
from voicechat.fleet.registry import TTL_HEARTBEATS

REST_S = (1.0, 3.0)
"""Between one fault that was mended and the next."""
AWAY_S = (2.0, 6.0)
"""How long a worker, or Redis, is gone."""
REDIS_EVERY = 6
"""Each sixth fault is Redis'."""
LOOK_S = 0.25
SETTLING_S = 3.5
"""Health may be this late: it asks once a second, and waits two for an answer."""


@dataclass(slots=True)
class Troubles:
    """Mistreats an installation; `done` counts what was done, and `redis_is_up` says how things stand."""

    made: Installation
    heartbeat_s: float
    done: Counter[str] = field(default_factory=Counter)
    redis_is_up: bool = True
    redis_changed_at: float = float("-inf")

    async def make(self, until_s: float) -> None:
        """One fault after another until `until_s`; each is mended before the next."""
        clock = asyncio.get_running_loop().time
        number = 0
        while clock() < until_s:
            await asyncio.sleep(random.uniform(*REST_S))
            number += 1
            if number % REDIS_EVERY == 0:
                await self._restart_redis()
            else:
                kind = (self._kill, self._stop, self._drain)[number % 3]
                await kind(random.choice(self.made.workers))

    async def _kill(self, worker: Part) -> None:
        self.done["worker killed (SIGKILL)"] += 1
        await worker.kill()
        await self._gone()
        await self._back(worker)

    async def _stop(self, worker: Part) -> None:
        self.done["worker stopped (SIGSTOP)"] += 1
        worker.send(signal.SIGSTOP)
        await self._gone()
        worker.send(signal.SIGCONT)
        await self.made.until_registered(worker.name)

    async def _drain(self, worker: Part) -> None:
        self.done["worker drained (SIGTERM) and restarted"] += 1
        worker.send(signal.SIGTERM)
        await worker.ended()
        await self._back(worker)

    async def _back(self, worker: Part) -> None:
        await worker.start()
        # Of the life before, the registry may still tell.
        await asyncio.sleep(TTL_HEARTBEATS * self.heartbeat_s)
        await self.made.until_registered(worker.name)

    async def _restart_redis(self) -> None:
        self.done["Redis killed and restarted, empty"] += 1
        self._redis(False)
        await self.made.redis.kill()
        await self._gone()
        await self.made.redis.start()
        self._redis(True)
        await self.made.until_registered(*(worker.name for worker in self.made.workers))

    def _redis(self, is_up: bool) -> None:
        self.redis_is_up = is_up
        self.redis_changed_at = asyncio.get_running_loop().time()

    async def _gone(self) -> None:
        await asyncio.sleep(random.uniform(*AWAY_S))


@dataclass(slots=True)
class HealthLog:
    """Whether health told the truth."""

    asked: int = 0
    settling: int = 0
    untrue: list[dict[str, Any]] = field(default_factory=list)

    async def keep(self, troubles: Troubles, until_s: float) -> None:
        """Ask until `until_s`. A worker can always speak; whether Redis is up is known."""
        clock = asyncio.get_running_loop().time
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            while clock() < until_s:
                await self._ask(client, troubles, clock)
                await asyncio.sleep(LOOK_S)

    async def _ask(self, client: httpx.AsyncClient, troubles: Troubles, clock: Callable[[], float]) -> None:
        before = clock()
        try:
            answer = (await client.get(f"{troubles.made.orchestrators[0].ops_url}/health")).json()
        except httpx.HTTPError as error:
            self.asked += 1
            self.untrue.append({"at": round(before, 1), "told": f"no answer: {type(error).__name__}"})
            return
        self.asked += 1
        if min(before, clock()) - troubles.redis_changed_at < SETTLING_S or troubles.redis_changed_at > before:
            self.settling += 1
            truth = {"worker": True}
        else:
            truth = {"worker": True, "redis": troubles.redis_is_up}
        told = {name: answer[name] for name in truth}
        if told != truth:
            self.untrue.append({"at": round(before, 1), "told": told, "truth": truth, "checks": answer["checks"]})
