"""What a process uses over time: one that degrades shows it here before it fails."""

from __future__ import annotations

import asyncio
from typing import Any

import psutil

from voicechat.bench.chaos.parts import Part
from voicechat.bench.clients import cpu_seconds

EVERY_S = 10.0


class Strain:
    """Looks at the process of `part`, which must run and not be started anew meanwhile."""

    def __init__(self, part: Part) -> None:
        assert part.process is not None, "only a process that runs has a strain"
        self._process = psutil.Process(part.process.pid)
        self._seen: list[dict[str, float]] = []

    async def keep(self) -> None:
        """Look until cancelled."""
        used_s = cpu_seconds(self._process)
        while True:
            await asyncio.sleep(EVERY_S)
            before_s, used_s = used_s, cpu_seconds(self._process)
            self._seen.append(
                {
                    "cpu": round((used_s - before_s) / EVERY_S, 2),
                    "memory_mb": round(self._process.memory_info().rss / 1e6, 1),
                    "files": self._process.num_fds(),
                    "threads": self._process.num_threads(),
                }
            )

    def as_json(self) -> dict[str, Any]:
        """Cores used, memory, open files and threads, every `EVERY_S`."""
        names = self._seen[0] if self._seen else ()
        return {"every_s": EVERY_S, **{name: [seen[name] for seen in self._seen] for name in names}}
