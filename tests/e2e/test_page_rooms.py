"""The page in a LiveKit room, and the whole product: a question is spoken into Chromium, and answered aloud."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from support.chromium import Watch, chromium, stats, wait_for_stats
from support.livekit import running_livekit
from support.speech import prompt, prompt_words, silence, word_error_rate
from support.stack import Stack, start_stack

from voicechat.audio.wav import write_wav

MIND = ("--mind", "embedded", "--set", "llm.temperature=0", "--set", "llm.max_output_tokens=32")
QUESTION = "conf-onlyone"
AUDIBLE = 0.01
ANSWER_MS = 45_000


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("page-rooms")
    with running_livekit(directory) as livekit:
        stack = start_stack(directory / "up.log", *MIND, environment=livekit.environment)
        try:
            stack.wait_until_ready()
            yield stack
        finally:
            stack.stop()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def page(stack: Stack, tmp_path: Path, watch: Watch) -> Iterator[Page]:
    pcm, rate = prompt(QUESTION)
    # The microphone opens before the assistant has come into the room: the question waits for it.
    write_wav(tmp_path / "question.wav", np.concatenate([silence(6.0, rate), pcm, silence(1.0, rate)]), rate)
    with chromium(recording=tmp_path / "question.wav") as browser:
        page = watch.follow(browser.new_page())
        page.goto(stack.url)
        yield page


def test_a_call_in_a_room_is_shown_heard_and_typed_into_like_any_other(page: Page, watch: Watch) -> None:
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
