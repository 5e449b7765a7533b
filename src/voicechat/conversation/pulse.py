"""How late the event loop is: what callers would hear as gaps, measured whether or not anybody speaks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from voicechat.conversation.meter import Meter, Unmetered

TICK_S = 0.05
REMEMBERED_TICKS = 40
"""Two seconds."""
RANK = 4
"""The fourth worst tick counts: one long pause, such as that of loading a part, is no overload."""


class Pulse:
    """The loop's lateness over the last two seconds; `meter` is told of each tick."""

    def __init__(self, meter: Meter | None = None) -> None:
        self._meter = meter or Unmetered()
        self._late_ms: deque[float] = deque(maxlen=REMEMBERED_TICKS)

    def note(self, late_ms: float) -> None:
        """A tick came so late."""
        self._late_ms.append(late_ms)
        self._meter.looped(late_ms / 1000)

    def lateness_ms(self) -> float:
        """How late its ticks come."""
        worst = sorted(self._late_ms, reverse=True)[:RANK]
        return worst[-1] if len(worst) == RANK else 0.0

    async def run(self) -> None:
        """Tick until cancelled."""
        now = asyncio.get_running_loop().time
        while True:
            due_s = now() + TICK_S
            await asyncio.sleep(TICK_S)
            self.note((now() - due_s) * 1000)


@asynccontextmanager
async def beating(meter: Meter | None = None) -> AsyncIterator[Pulse]:
    """A pulse that is taken while the context lasts."""
    pulse = Pulse(meter)
    task = asyncio.create_task(pulse.run(), name="pulse")
    try:
        yield pulse
    finally:
        task.cancel()
        await asyncio.wait((task,))
