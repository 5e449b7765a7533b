"""Pictures of the page in each state, light and dark, on a phone and a desktop, for docs/images.

Run it from the checkout: `PYTHONPATH=tests .venv/bin/python benchmarks/page_pictures.py DIRECTORY`. The server behind
the page is the scripted one of the tests.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, expect
from support.chromium import chromium
from support.fake_realtime import FakeRealtime, serve_fake

SIZES = {"phone": (390, 780), "desktop": (1180, 760)}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SETTLE_MS = 500

Scene = Callable[[Page, FakeRealtime], None]


def talk(page: Page) -> None:
    page.get_by_role("button", name="Talk").click()


def first(page: Page, _: FakeRealtime) -> None:
    expect(page.get_by_label("Voice")).to_be_visible()


def listening(page: Page, server: FakeRealtime) -> None:
    server.answers_turns = False
    talk(page)
    expect(page.get_by_role("status")).to_have_text("Listening")


def speaking(page: Page, _: FakeRealtime) -> None:
    talk(page)
    expect(page.get_by_role("log")).to_contain_text("quarter past nine")


def interrupted(page: Page, server: FakeRealtime) -> None:
    speaking(page, server)
    server.interrupt()
    expect(page.locator("del")).to_be_visible()
    server.send("voicechat.state", state="interrupted")


def drawer(page: Page, server: FakeRealtime) -> None:
    speaking(page, server)
    page.locator("summary").click()


def loading(page: Page, server: FakeRealtime) -> None:
    server.loading = [0.67] * 100
    talk(page)
    expect(page.get_by_role("status")).to_contain_text("67 %")


def blocked(page: Page, _: FakeRealtime) -> None:
    page.evaluate("navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))")
    talk(page)
    expect(page.get_by_text("The microphone is blocked")).to_be_visible()


def key(page: Page, server: FakeRealtime) -> None:
    server.key = "vc-0123456789ab-key"
    talk(page)
    expect(page.get_by_label("Key")).to_be_visible()


def full(page: Page, server: FakeRealtime) -> None:
    server.refuse_sessions = True
    talk(page)
    expect(page.get_by_text("All lines are taken")).to_be_visible()


def offline(page: Page, server: FakeRealtime) -> None:
    listening(page, server)
    page.context.set_offline(True)
    server.vanish()
    expect(page.get_by_role("status")).to_contain_text("No network")


SCENES: tuple[Scene, ...] = (
    first, listening, speaking, interrupted, drawer, loading, blocked, key, full, offline,
)  # fmt: skip


def take(browser: Browser, scene: Scene, size: str, scheme: Literal["light", "dark"], path: Path) -> None:
    """One picture, of a server and a page of its own."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    with serve_fake() as server:
        page = context.new_page()
        page.goto(server.url)
        page.wait_for_function("() => window.__voicechat !== undefined")
        scene(page, server)
        page.wait_for_timeout(SETTLE_MS)
        page.screenshot(path=path)
        context.close()


def main(directory: Path) -> None:
    """Take them all."""
    directory.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for scene in SCENES:
            for size in SIZES:
                for scheme in SCHEMES:
                    take(browser, scene, size, scheme, directory / f"page-{scene.__name__}-{size}-{scheme}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
