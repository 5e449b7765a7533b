"""The page against the whole product: a question is spoken into Chromium's microphone, and an answer comes out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect
from support.chromium import Watch, chromium, wait_for_stats
from support.speech import silence, word_error_rate
from support.stack import Stack

from voicechat.audio.wav import read_audio, write_wav

QUESTION = "What is the capital of France?"
AUDIBLE = 0.01
ANSWER_MS = 30_000


@pytest.fixture
def question(stack: Stack, tmp_path: Path) -> Path:
    answer = httpx.post(f"{stack.url}/synthesize", json={"text": QUESTION}, timeout=60)
    answer.raise_for_status()
    pcm, rate = read_audio(answer.content)
    # The microphone opens before the session does: the question waits for it.
    write_wav(tmp_path / "question.wav", np.concatenate([silence(2.0, rate), pcm, silence(1.0, rate)]), rate)
    return tmp_path / "question.wav"


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def page(stack: Stack, question: Path, watch: Watch) -> Iterator[Page]:
    with chromium(recording=question) as browser:
        page = watch.follow(browser.new_page())
        page.goto(stack.url)
        yield page


def test_a_question_is_shown_and_answered_aloud(page: Page, watch: Watch) -> None:
    page.get_by_role("button", name="Talk").click()

    wait_for_stats(page, f"s.outputLevel > {AUDIBLE}", ANSWER_MS)
    said = page.locator("[data-role=user][data-status=final]")
    expect(said).to_have_count(1)
    answered = page.locator("[data-role=assistant][data-status=final]")
    expect(answered).to_have_count(1, timeout=ANSWER_MS)
    assert word_error_rate([QUESTION], [said.inner_text().removeprefix("You: ")]) <= 0.2
    assert len(answered.inner_text().split()) > 2
    wait_for_stats(page, "s.playedSamples > 12000")
    expect(page.locator("summary", has_text="Answered in")).to_be_visible()
    assert watch.console_errors == []


def test_a_typed_question_is_answered_aloud(page: Page) -> None:
    page.get_by_label("Message").fill(QUESTION)
    page.keyboard.press("Enter")

    wait_for_stats(page, f"s.outputLevel > {AUDIBLE}", ANSWER_MS)
    expect(page.locator("[data-role=user]")).to_contain_text(QUESTION)
