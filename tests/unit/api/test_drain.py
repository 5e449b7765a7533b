"""What an ending process waits for, in virtual time."""

from __future__ import annotations

import asyncio

import pytest
from support import virtual_time

from voicechat.api.lifecycle import Lifecycle, Phase
from voicechat.api.serve import conversations_over, leave, replies_over
from voicechat.conversation.fake_conversation import FakeConversation, FakeFactory
from voicechat.conversation.port import ConversationState

GRACE_S = 10.0


async def left_of_grace(reply_s: float | None) -> float:
    factory = FakeFactory()
    answered = await factory.open(factory.default_config())
    await factory.open(factory.default_config())
    if reply_s is not None:
        answered.doing = ConversationState.SPEAKING
        asyncio.get_running_loop().call_later(reply_s, fall_silent, answered)
    return await replies_over(factory, GRACE_S)


def fall_silent(conversation: FakeConversation) -> None:
    conversation.doing = ConversationState.LISTENING


def test_a_process_whose_conversations_only_listen_ends_at_once() -> None:
    assert virtual_time.run(left_of_grace(None)) == GRACE_S


def test_a_reply_in_progress_is_heard_to_its_end() -> None:
    assert virtual_time.run(left_of_grace(3.0)) == pytest.approx(7.0, abs=0.1)


def test_a_reply_that_is_longer_than_the_grace_is_cut() -> None:
    assert virtual_time.run(left_of_grace(60.0)) == 0.0


async def left_of_drain(conversation_s: float | None) -> float:
    factory = FakeFactory()
    held = await factory.open(factory.default_config())
    if conversation_s is not None:
        asyncio.get_running_loop().call_later(conversation_s, lambda: asyncio.ensure_future(held.aclose()))
    return await conversations_over(factory, GRACE_S)


def test_a_draining_process_ends_once_its_last_conversation_has_left() -> None:
    assert virtual_time.run(left_of_drain(3.0)) == pytest.approx(7.0, abs=0.1)


def test_a_conversation_that_stays_is_held_to_the_limit() -> None:
    assert virtual_time.run(left_of_drain(None)) == 0.0


async def left_after(notice_s: float, phase: Phase) -> tuple[float, bool, Phase]:
    lifecycle, begun = Lifecycle(), asyncio.get_running_loop().time()
    if phase is not Phase.LOADING:
        lifecycle.move(phase)
    await leave(lifecycle, notice_s)
    return asyncio.get_running_loop().time() - begun, lifecycle.wants_more, lifecycle.phase


def test_who_leaves_serves_on_while_balancers_are_told() -> None:
    assert virtual_time.run(left_after(5.0, Phase.SERVING)) == (5.0, False, Phase.SERVING)


def test_nobody_waits_for_a_process_that_serves_nobody_yet() -> None:
    assert virtual_time.run(left_after(5.0, Phase.LOADING)) == (0.0, False, Phase.LOADING)
