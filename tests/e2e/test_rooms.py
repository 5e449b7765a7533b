"""A person in a LiveKit room, and the whole product: asked aloud, answered aloud, interrupted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from support.livekit import LiveKit, running_livekit
from support.room_caller import RATE_HZ, RoomCaller, caller, details
from support.speech import prompt, prompt_words, recognise, word_error_rate
from support.stack import Stack, start_stack

from voicechat.audio.resample import resample

MIND = ("--mind", "embedded", "--set", "llm.temperature=0", "--set", "llm.max_output_tokens=60")
QUESTION = "conf-onlyone"


@dataclass(slots=True)
class Product:
    """`voicechat up` beside a LiveKit server."""

    livekit: LiveKit
    stack: Stack

    @asynccontextmanager
    async def call(self) -> AsyncIterator[RoomCaller]:
        """A person whom the assistant listens to."""
        ticket = details(self.stack.url)
        async with caller(ticket["serverUrl"], ticket["participantToken"]) as person:
            await person.until(lambda: "listening" in person.states)
            yield person


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    directory = tmp_path_factory.mktemp("rooms")
    with running_livekit(directory) as livekit:
        stack = start_stack(directory / "up.log", *MIND, environment=livekit.environment)
        try:
            stack.wait_until_ready()
            yield Product(livekit, stack)
        finally:
            stack.stop()


async def ask(person: RoomCaller) -> None:
    pcm, rate = prompt(QUESTION)
    await person.say(resample(pcm, rate, RATE_HZ))


async def test_a_spoken_question_is_understood_and_answered_on_the_agents_track(product: Product) -> None:
    async with product.call() as person:
        await ask(person)
        await person.until(lambda: person.told("voicechat.reply", status="completed"))
        await person.until_silent()
        agent = person.agents[0].identity

        assert word_error_rate([prompt_words()[QUESTION]], [person.said(person.identity)]) <= 0.10
        assert person.said(agent)
        assert word_error_rate([person.said(agent)], [recognise(person.heard, RATE_HZ)]) <= 0.15
        assert {"listening", "thinking", "speaking"} <= set(person.states)


async def test_a_reply_that_is_talked_over_stops_and_is_remembered_as_it_was_heard(product: Product) -> None:
    async with product.call() as person:
        await person.type("Tell me a long story about the sea.")
        await person.until(lambda: person.is_spoken_to)
        heard_before = len(person.sound)
        await person.until(lambda: len(person.sound) > heard_before + 100)
        await ask(person)
        await person.until(lambda: person.told("voicechat.reply", status="cancelled"))
        (cut,) = person.told("voicechat.reply", status="cancelled")
        await person.until(lambda: person.told("voicechat.committed"))
        await person.until(lambda: len(person.told("voicechat.reply", status="started")) == 2)
        segment = cut["response_id"]
        await person.until(lambda: any(one.segment == segment and one.is_final for one in person.words))

        told = [one.text for one in person.words if one.segment == segment]
        assert told[-1].strip() == cut["text"].strip(), "the words that are shown are not those that are remembered"
        assert 1 < len(cut["text"].split()) < len(max(told, key=len).split()) + 1
