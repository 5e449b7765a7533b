"""What the agent is doing, as attributes that LiveKit's components and our clients show."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from voicechat.conversation.port import ConversationState
from voicechat.conversation.tasks import TaskOwner
from voicechat.transports.rooms.port import Room, RoomError

log = structlog.get_logger(__name__)

STATE, DETAIL = "lk.agent.state", "voicechat.status"
INITIALIZING = "initializing"

AGENT_STATES: Mapping[ConversationState, str] = {
    ConversationState.IDLE: INITIALIZING,
    ConversationState.LISTENING: "listening",
    ConversationState.THINKING: "thinking",
    ConversationState.SPEAKING: "speaking",
    # It has stopped to learn what the person wants.
    ConversationState.INTERRUPTED: "listening",
    ConversationState.TERMINATED: "idle",
}
"""LiveKit's names: `AgentState` of its components."""


class Status:
    """Shows each state as it comes. None waits for the one before: the server confirms some only after seconds."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._shown: dict[str, str] = {}
        self._tasks = TaskOwner()

    def show(self, state: ConversationState) -> None:
        """The conversation moved."""
        self.say(AGENT_STATES[state])

    def say(self, state: str, detail: str = "") -> None:
        """Show a state of LiveKit's, and a sentence for people where there is something to say."""
        wanted = {STATE: state, DETAIL: detail}
        if wanted != self._shown:
            self._shown = wanted
            self._tasks.start(self._set(wanted), "status")

    async def aclose(self) -> None:
        """Show nothing more."""
        await self._tasks.aclose()

    async def _set(self, attributes: Mapping[str, str]) -> None:
        try:
            await self._room.set_attributes(attributes)
        except RoomError as error:
            log.debug("the agent's state was not confirmed", reason=str(error))
