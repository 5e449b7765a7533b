"""Who is in the room: people in the order of their coming, and other agents of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from voicechat.transports.rooms.port import AgentCame, AgentLeft, PersonCame, PersonLeft, RoomEvent


class People:
    """Kept up to date by `see`; everything else asks, or waits."""

    def __init__(self) -> None:
        self._people: dict[str, None] = {}
        self._agents: dict[str, bool] = {}
        self._changed = asyncio.Event()

    def see(self, event: RoomEvent) -> None:
        """Something happened in the room."""
        match event:
            case PersonCame(identity):
                self._people[identity] = None
            case PersonLeft(identity):
                self._people.pop(identity, None)
            case AgentCame(identity, is_older):
                self._agents[identity] = is_older
            case AgentLeft(identity):
                self._agents.pop(identity, None)
            case _:
                return
        self._changed.set()

    def is_here(self, identity: str) -> bool:
        """Whether this person is in the room."""
        return identity in self._people

    def first(self, rather: str = "") -> str | None:
        """Who came first, or `rather` where they are here; None: nobody is."""
        return rather if rather in self._people else next(iter(self._people), None)

    def agent_is_here(self, identity: str) -> bool:
        """Whether this agent is in the room."""
        return identity in self._agents

    def predecessor(self, besides: str = "") -> str | None:
        """An agent that was here before us."""
        return next((one for one, is_older in self._agents.items() if is_older and one != besides), None)

    def successor(self) -> str | None:
        """An agent that came after us."""
        return next((one for one, is_older in self._agents.items() if not is_older), None)

    async def until(self, holds: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Wait until `holds`, at most `timeout_s`; whether it does."""
        try:
            async with asyncio.timeout(timeout_s):
                while not holds():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return holds()
        return True
