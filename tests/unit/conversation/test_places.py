from __future__ import annotations

import asyncio

import pytest

from voicechat.conversation.places import Places
from voicechat.conversation.port import CommandRefused
from voicechat.conversation.pulse import RANK, Pulse
from voicechat.settings import ServerSettings


def places(**server: float) -> Places:
    return Places(ServerSettings.model_validate({"max_sessions": 1, "session_wait_s": 60, **server}))


async def waiting(made: Places) -> asyncio.Future[None]:
    task = asyncio.ensure_future(made.take())
    await asyncio.sleep(0)
    return task


async def test_who_waited_longest_gets_the_place() -> None:
    made = places()
    await made.take()
    first, second = await waiting(made), await waiting(made)
    made.give_back()
    await first
    assert not second.done()
    made.give_back()
    await second


async def test_beyond_the_queue_one_is_refused_at_once() -> None:
    made = places(max_waiting_sessions=1)
    await made.take()
    queued = await waiting(made)
    with pytest.raises(CommandRefused) as refused:
        await made.take()
    assert refused.value.code == "server_full"
    made.give_back()
    await queued


async def test_who_waits_too_long_is_refused_and_leaves_the_queue() -> None:
    made = places(session_wait_s=0.001, max_waiting_sessions=1)
    await made.take()
    for _ in range(2):
        with pytest.raises(CommandRefused):
            await made.take()
    made.give_back()
    await made.take()


async def test_who_leaves_with_the_place_in_hand_gives_it_back() -> None:
    made = places()
    await made.take()
    leaving, next_one = await waiting(made), await waiting(made)
    made.give_back()
    leaving.cancel()
    await asyncio.wait((leaving,))
    await next_one


async def test_no_more_are_let_in_than_the_voice_can_speak_to() -> None:
    can_speak_to = 1
    made = Places(ServerSettings(max_sessions=8, session_wait_s=60), capacity=lambda: can_speak_to)
    await made.take()
    queued = await waiting(made)
    can_speak_to = 2
    await queued


async def test_who_is_refused_reads_how_many_the_voice_can_speak_to() -> None:
    made = Places(ServerSettings(max_sessions=8, session_wait_s=0), capacity=lambda: 1)
    await made.take()
    with pytest.raises(CommandRefused, match="the workers can speak to 1; start one more"):
        await made.take()


async def test_while_the_process_is_late_nobody_is_let_in() -> None:
    pulse = Pulse()
    made = Places(ServerSettings(max_lateness_ms=50), pulse.lateness_ms)
    for _ in range(RANK - 1):
        pulse.note(500)
    await made.take()
    pulse.note(60)
    with pytest.raises(CommandRefused, match="60 ms late"):
        await made.take()


class Neighbour:
    """A `Tally` whose other orchestrator holds `held`, of which this process hears when it claims, or `hears`."""

    def __init__(self, held: int) -> None:
        self.held = held
        self.mine = 0
        self.elsewhere = 0

    def hears(self) -> None:
        self.elsewhere = self.held

    async def claim(self, most: int | None) -> bool:
        self.hears()
        granted = most is None or self.mine + self.held < most
        self.mine += granted
        return granted

    def release(self) -> None:
        self.mine -= 1


async def test_what_other_orchestrators_hold_counts_too() -> None:
    tally = Neighbour(held=2)
    made = Places(ServerSettings(max_sessions=8, session_wait_s=0), capacity=lambda: 3, tally=tally)
    await made.take()
    with pytest.raises(CommandRefused, match="1 conversations are held already and 2 by other orchestrators"):
        await made.take()


async def test_a_place_that_another_orchestrator_took_first_is_waited_for() -> None:
    tally = Neighbour(held=1)
    made = Places(ServerSettings(max_sessions=8, session_wait_s=60), capacity=lambda: 1, tally=tally)
    queued = await waiting(made)
    await asyncio.sleep(0)
    assert not queued.done()
    tally.held = 0
    tally.hears()
    await queued
    assert tally.mine == 1


async def test_who_leaves_is_no_longer_counted() -> None:
    tally = Neighbour(held=0)
    made = Places(ServerSettings(max_sessions=8, session_wait_s=0), capacity=lambda: 1, tally=tally)
    await made.take()
    made.give_back()
    await made.take()
    assert tally.mine == 1
