"""Profiles of synthesis: one `.pstats` file a reply, for `python -m pstats`."""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import structlog

from voicechat.settings import ProfilingSettings
from voicechat.tts.reply import Submit
from voicechat.tts.scheduler import Pace

_ONE_AT_A_TIME = threading.Lock()
"""Interpreters from 3.12 on have one profiler for all threads: who comes meanwhile runs unobserved."""
_T = TypeVar("_T")
log = structlog.get_logger(__name__)


class ReplyProfile:
    """What worker threads do for one reply."""

    def __init__(self, settings: ProfilingSettings, request_id: str) -> None:
        self._settings = settings
        self._name = "".join(c if c.isalnum() else "-" for c in request_id)[:48] or "reply"
        self._profile = cProfile.Profile()
        self._observed = False

    def submit(self, inner: Submit) -> Submit:
        """The scheduler's `submit`, observed."""

        def observed(run: Callable[[], _T], pace: Pace, deadline_s: float) -> asyncio.Future[_T]:
            return inner(lambda: self._run(run), pace, deadline_s)

        return observed

    async def save(self, synthesis_s: float) -> None:
        """Write it if the reply took long enough, and keep the newest `settings.keep` files. Failures are logged."""
        if self._observed and synthesis_s * 1000 >= self._settings.min_duration_ms:
            await asyncio.to_thread(self._write, synthesis_s)

    def _run(self, run: Callable[[], _T]) -> _T:
        if not _ONE_AT_A_TIME.acquire(blocking=False):
            return run()
        try:
            self._profile.enable()
            try:
                return run()
            finally:
                self._profile.disable()
                self._observed = True
        finally:
            _ONE_AT_A_TIME.release()

    def _write(self, synthesis_s: float) -> None:
        directory = self._settings.directory
        began = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        path = directory / f"synthesis_{began}_{synthesis_s * 1000:.0f}ms_{self._name}.pstats"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            pstats.Stats(self._profile).dump_stats(path)
            _keep_newest(directory, self._settings.keep)
        except OSError as error:
            log.warning("a profile could not be written", path=str(path), reason=str(error))


def _keep_newest(directory: Path, number: int) -> None:
    """Names begin with their time, so they sort by age."""
    for old in sorted(directory.glob("synthesis_*.pstats"))[:-number]:
        old.unlink(missing_ok=True)
