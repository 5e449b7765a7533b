"""Chromium as these tests drive it: headless, offline but for loopback, with a microphone that needs no permission."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

EXECUTABLE = "/usr/bin/chromium"
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--autoplay-policy=user-gesture-required",
)
FAKE_MICROPHONE = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")


@contextmanager
def chromium(*, microphone: bool = True, recording: Path | None = None) -> Iterator[Browser]:
    """A browser; its microphone beeps, or plays `recording` (WAV) once, or is absent."""
    flags = [*FLAGS, *(FAKE_MICROPHONE if microphone else ())]
    if recording is not None:
        flags.append(f"--use-file-for-fake-audio-capture={recording}%noloop")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=flags)
        try:
            yield browser
        finally:
            browser.close()


@dataclass(slots=True)
class Watch:
    """What a page complained about and where it went."""

    console_errors: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> Page:
        """Note everything that `page` does from now on."""
        page.on(
            "console", lambda message: self.console_errors.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        page.on("request", lambda request: self.urls.append(request.url))
        page.on("websocket", lambda socket: self.urls.append(socket.url))
        return page

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console_errors.append(message.text)


def stats(page: Page) -> dict[str, Any]:
    """What the page measures."""
    snapshot: dict[str, Any] = page.evaluate("window.__voicechat.stats()")
    return snapshot


def wait_for_stats(page: Page, condition: str, timeout_ms: float = 10_000) -> dict[str, Any]:
    """The page's figures once `condition`, JavaScript over their names, holds."""
    page.wait_for_function(f"() => {{ const s = window.__voicechat.stats(); return {condition}; }}", timeout=timeout_ms)
    return stats(page)
