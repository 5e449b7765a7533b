"""People in LiveKit rooms, and the whole product: by the SDK, by telephone and with the page in Chromium."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from livekit import api, rtc
from playwright.sync_api import Page, expect
from support.chromium import Watch, chromium, stats, wait_for_stats
from support.livekit import KEY, SECRET, LiveKit, running_livekit
from support.room_caller import RATE_HZ, RoomCaller, caller, details
from support.speech import prompt, prompt_words, recognise, silence, word_error_rate
from support.stack import Stack, start_stack

from voicechat.audio import g711
from voicechat.audio.resample import resample
from voicechat.audio.wav import write_wav
from voicechat.transports.rooms.names import FUNCTIONS, ROLE

MIND = ("--mind", "embedded", "--set", "llm.temperature=0", "--set", "llm.max_output_tokens=60")
QUESTION = "conf-onlyone"
AUDIBLE = 0.01
ANSWER_MS = 45_000


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


def telephone_ticket(session: dict[str, Any], room: str) -> str:
    """The token of a caller through LiveKit SIP, whose trunk's rule sends for the agent."""
    agent = api.RoomAgentDispatch(agent_name="voicechat", metadata=json.dumps({"session": session}))
    return token("sip-caller", room).with_kind("sip").with_room_config(api.RoomConfiguration(agents=[agent])).to_jwt()


def token(identity: str, room: str) -> api.AccessToken:
    return api.AccessToken(KEY, SECRET).with_identity(identity).with_grants(api.VideoGrants(room_join=True, room=room))


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


async def test_a_telephone_is_understood(product: Product) -> None:
    pcm, rate = prompt(QUESTION)
    narrow = g711.decode(g711.encode(resample(pcm, rate, 8_000), g711.Law.MU), g711.Law.MU)
    async with caller(product.livekit.url, telephone_ticket({}, "call-1"), rate_hz=8_000) as phone:
        await phone.until(lambda: "listening" in phone.states)
        await phone.say(narrow)
        await phone.until(lambda: phone.is_spoken_to and phone.said(phone.identity))
        assert word_error_rate([prompt_words()[QUESTION]], [phone.said(phone.identity)]) <= 0.10


async def test_keys_of_a_telephone_reach_a_function(product: Product) -> None:
    pin = {"type": "object", "properties": {"pin": {"type": "string"}}, "required": ["pin"]}
    tool = {"type": "function", "name": "check_pin", "description": "Check a PIN.", "parameters": pin}
    session = {"type": "realtime", "tools": [tool], "tool_choice": "required"}
    asked: asyncio.Queue[str] = asyncio.Queue()

    async def check_pin(call: rtc.RpcInvocationData) -> str:
        asked.put_nowait(call.payload)
        return "The PIN is right."

    program = token("program", "call-2").with_attributes({ROLE: FUNCTIONS}).to_jwt()
    async with (
        caller(product.livekit.url, telephone_ticket(session, "call-2"), rate_hz=8_000) as phone,
        caller(product.livekit.url, program, with_microphone=False) as office,
    ):
        office.room.local_participant.register_rpc_method("check_pin", check_pin)
        await phone.until(lambda: "listening" in phone.states)
        await phone.press("1234#")
        async with asyncio.timeout(45):
            assert "pin" in json.loads(await asked.get())


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def page(product: Product, tmp_path: Path, watch: Watch) -> Iterator[Page]:
    pcm, rate = prompt(QUESTION)
    # The microphone opens before the assistant has come into the room: the question waits for it.
    write_wav(tmp_path / "question.wav", np.concatenate([silence(6.0, rate), pcm, silence(1.0, rate)]), rate)
    with chromium(recording=tmp_path / "question.wav") as browser:
        page = watch.follow(browser.new_page())
        page.goto(product.stack.url)
        yield page


def test_the_page_uses_a_room_where_there_are_any_and_shows_it_like_any_other_call(page: Page, watch: Watch) -> None:
    page.get_by_role("button", name="Talk").click()

    wait_for_stats(page, f"s.transport === 'rooms' && s.outputLevel > {AUDIBLE}", ANSWER_MS)
    said = page.locator("[data-role=user][data-status=final]").first
    assert word_error_rate([prompt_words()[QUESTION]], [said.inner_text().removeprefix("You: ")]) <= 0.2
    answers = page.locator("[data-role=assistant][data-status=final]")
    expect(answers).to_have_count(1, timeout=ANSWER_MS)
    assert len(answers.first.inner_text().split()) > 2

    page.locator("summary").click()
    expect(page.locator("dl")).to_contain_text("LiveKit room")
    page.get_by_label("Message").fill("What is the capital of France?")
    page.keyboard.press("Enter")
    expect(page.locator("[data-role=user]")).to_have_count(2)
    expect(answers).to_have_count(2, timeout=ANSWER_MS)

    page.get_by_role("button", name="End", exact=True).click()
    assert stats(page)["phase"] == "idle"
    assert watch.console_errors == []
