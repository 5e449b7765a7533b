"""One room from entering it to leaving it: who is talked with, when, and who takes over.

The agent talks with one person, whoever came first. The others hear its voice and read the words, and are not heard.
Who leaves and comes back within the grace time goes on with the same conversation; after that, the conversation is over
and the next person begins another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any

import structlog

from voicechat.conversation.port import (
    REPLYING,
    CommandRefused,
    Conversation,
    ConversationConfig,
    ConversationFactory,
)
from voicechat.transports.rooms.order import Order
from voicechat.transports.rooms.people import People
from voicechat.transports.rooms.port import HushAsked, KeyPressed, Room, RoomEvent, TextTyped
from voicechat.transports.rooms.status import INITIALIZING, Status
from voicechat.transports.rooms.talk import Talk

log = structlog.get_logger(__name__)

LOADING = "loading"
LOADING_POLL_S = 0.5
HEARD_TIMEOUT_S = 3.0
"""How long a person's client may take to receive the agent's track before the conversation begins without."""
PREDECESSOR_TIMEOUT_S = 10.0
REPLY_POLL_S = 0.05
PASSING = frozenset(("server_full", "draining"))
"""Refusals of this process that another would not give."""
IDLE = "idle"


class Refused(Exception):
    """The person may not talk, for a reason that stays true; the text is for them."""


UntilEnded = Callable[[], Awaitable[tuple[str, str]]]
"""Returns when a conversation must end for reasons of access, with a code and a sentence."""
Admit = Callable[[str | None], AbstractAsyncContextManager[UntilEnded]]
"""Counts one conversation of an API key while the context lasts. Raises `Refused`."""
Configure = Callable[[dict[str, Any]], Awaitable[ConversationConfig]]
"""What a session starts with. Raises `Refused`, and `CommandRefused` while the models load."""


@dataclass(frozen=True, slots=True)
class House:
    """What all calls of a process share. Times in seconds."""

    conversations: ConversationFactory
    configure: Configure
    admit: Admit
    reconnect_grace_s: float
    join_timeout_s: float


class Call:
    """The agent in one room. `run` holds it; the room is not left by it."""

    def __init__(self, room: Room, order: Order, house: House) -> None:
        self._room = room
        self._order = order
        self._house = house
        self._people = People()
        self._status = Status(room)
        self._caller = ""
        self._talk: Talk | None = None
        self._said = order.said
        self._is_over = asyncio.Event()
        self._reason = ""

    @property
    def talks(self) -> bool:
        """Whether a conversation is open."""
        return self._talk is not None

    async def run(self) -> str:
        """Serve the room until nobody is left, another agent takes over, or it is gone; returns which."""
        self._status.say(INITIALIZING)
        try:
            return await _first_of(self._follow(), self._serve(), self._until_over())
        finally:
            await self._status.aclose()

    async def hand_over(self, ask: Callable[[Order], Awaitable[None]], wait_s: float) -> bool:
        """Let another agent go on, once no reply is being heard; whether one came within `wait_s`.

        `ask` makes the dispatch. Where nobody takes it, the call goes on; where nobody is left, it ends.
        """
        if self._people.first() is None:
            self._end("nobody is left")
            return False
        now = asyncio.get_running_loop().time
        end_s = now() + wait_s
        while self._talk is not None and self._talk.conversation.state in REPLYING and now() < end_s:  # noqa: ASYNC110 - it can only be asked
            await asyncio.sleep(REPLY_POLL_S)
        history = self._talk.conversation.history if self._talk is not None else ()
        await ask(self._order.continued(self._room.identity, self._caller, history))
        came = await self._people.until(lambda: self._people.successor() is not None, end_s - now())
        if came:
            self._end("another agent took over")
        return came

    # --- the room

    async def _follow(self) -> str:
        async for event in self._room.events():
            self._people.see(event)
            self._pass_on(event)
        return "the room is gone"

    def _pass_on(self, event: RoomEvent) -> None:
        """Only the person who is talked with may type and press keys."""
        match event:
            case TextTyped(identity, text) if identity == self._caller and self._talk is not None:
                self._talk.typed(text)
            case KeyPressed(identity, digit) if identity == self._caller and self._talk is not None:
                self._talk.pressed(digit)
            case HushAsked(identity) if identity == self._caller and self._talk is not None:
                self._talk.hush()

    def _end(self, reason: str) -> None:
        self._reason = reason
        self._is_over.set()

    async def _until_over(self) -> str:
        await self._is_over.wait()
        return self._reason

    async def _serve(self) -> str:
        # Those who are here already are told of at once.
        await asyncio.sleep(0)
        if self._people.predecessor(besides=self._order.takes_over) is not None:
            return "another agent serves the room"
        await self._people.until(lambda: not self._people.agent_is_here(self._order.takes_over), PREDECESSOR_TIMEOUT_S)
        while await self._people.until(lambda: self._people.first() is not None, self._house.join_timeout_s):
            caller = self._people.first(rather=self._order.caller)
            if caller is not None and (reason := await self._attend(caller)):
                return reason
        return "nobody is left"

    # --- one person

    async def _attend(self, caller: str) -> str:
        """Talk with `caller` until they are gone for good. Returns why the room must be left, or nothing."""
        self._caller = caller
        try:
            return await _first_of(self._until_gone(caller), self._talk_with(caller))
        except CommandRefused as refused:
            if refused.code in PASSING:
                return str(refused)
            await self._apologize(caller, str(refused))
        except Refused as refused:
            await self._apologize(caller, str(refused))
        finally:
            self._caller = ""
        return ""

    async def _until_gone(self, caller: str) -> str:
        while True:
            await self._people.until(lambda: not self._people.is_here(caller))
            if self._talk is not None:
                self._talk.pause()
            if not await self._people.until(lambda: self._people.is_here(caller), self._house.reconnect_grace_s):
                return ""
            if self._talk is not None:
                self._talk.listen()

    async def _apologize(self, caller: str, message: str) -> None:
        """Say why nothing more comes, and stay: an agent that left would be sent for again."""
        log.info("a person in a room is not served", reason=message)
        self._status.say(IDLE, message)
        await self._until_gone(caller)

    async def _talk_with(self, caller: str) -> str:
        async with self._house.admit(self._order.key) as until_ended:
            conversation = await self._open()
            try:
                self._recall(conversation, caller)
                await self._room.heard_by(HEARD_TIMEOUT_S)
                self._talk = Talk(conversation, self._room, caller, self._status)
                if self._people.is_here(caller):
                    self._talk.listen()
                raise Refused(await _first_of(self._talk.run(), _sentence(until_ended)))
            finally:
                self._talk = None
                await conversation.aclose()

    async def _open(self) -> Conversation:
        """Open a conversation, once the models are loaded."""
        while True:
            try:
                config = await self._house.configure(self._order.session)
                return await self._house.conversations.open(replace(config, greets=config.greets and not self._said))
            except CommandRefused as refused:
                if refused.code != LOADING:
                    raise
                self._status.say(INITIALIZING, str(refused))
            await asyncio.sleep(LOADING_POLL_S)

    def _recall(self, conversation: Conversation, caller: str) -> None:
        """What was said before another agent handed the room over."""
        said, self._said = self._said, ()
        for each in said if caller == self._order.caller else ():
            conversation.add_text(each.role, each.text)


async def _sentence(until_ended: UntilEnded) -> str:
    _, sentence = await until_ended()
    return sentence


async def _first_of(*works: Coroutine[Any, Any, str]) -> str:
    """The result of whichever ends first, or its exception; the others are ended."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task in done).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
