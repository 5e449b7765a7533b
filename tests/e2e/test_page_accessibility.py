"""WCAG 2.2 AA, as axe-core finds it, in light and dark, before and during a call, down to 320 px."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect
from support.chromium import chromium
from support.fake_realtime import QUESTION, FakeRealtime, serve_fake

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS_PX = (320, 360, 390, 768)
SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def server() -> Iterator[FakeRealtime]:
    with serve_fake() as fake:
        yield fake


@pytest.fixture(params=SCHEMES)
def page(browser: Browser, server: FakeRealtime, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(
        color_scheme=request.param, viewport={"width": 320, "height": 640}, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(server.url)
    yield page
    context.close()


def violations(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())
    run = "tags => axe.run({ runOnly: tags }).then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html)))"
    found: list[str] = page.evaluate(run, RULES)
    return found


def widths_that_overflow(page: Page) -> list[int]:
    return [width for width in WIDTHS_PX if _overflows(page, width)]


def _overflows(page: Page, width_px: int) -> bool:
    page.set_viewport_size({"width": width_px, "height": 640})
    overflows: bool = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return overflows


def test_the_first_screen_is_accessible(page: Page) -> None:
    assert violations(page) == []
    assert widths_that_overflow(page) == []


def test_a_call_is_accessible(page: Page, server: FakeRealtime) -> None:
    page.get_by_role("button", name="Talk").click()
    expect(page.get_by_role("log")).to_contain_text(QUESTION)
    expect(page.get_by_role("log")).to_contain_text("quarter past nine")
    server.interrupt()
    expect(page.locator("del")).to_be_visible()
    page.locator("summary").click()

    assert violations(page) == []
    assert widths_that_overflow(page) == []


def test_a_problem_is_accessible(page: Page, server: FakeRealtime) -> None:
    server.refuse_sessions = True
    page.get_by_role("button", name="Talk").click()
    expect(page.get_by_text("All lines are taken")).to_be_visible()

    assert violations(page) == []
    assert widths_that_overflow(page) == []
