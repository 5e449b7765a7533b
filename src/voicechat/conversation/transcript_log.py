"""A log of what was said, one JSON line a turn, in a file a day that only its owner may read and that goes in time."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from voicechat.settings import RetentionSettings

log = structlog.get_logger(__name__)

MAX_WAITING = 1000
"""Lines that may wait for the disk; further ones are lost, and told of."""
SWEEP_S = 3600.0
DAY_S = 86_400.0
OWNER_ONLY, OWNERS_DIRECTORY = 0o600, 0o700


class TranscriptLog:
    """Writes beside the event loop, on a thread of its own that ends with `close`. `clock`: seconds since the epoch."""

    def __init__(self, directory: Path, days: float, clock: Callable[[], float] = time.time) -> None:
        self._directory = directory
        self._days = days
        self._clock = clock
        self._lines: queue.Queue[str | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._work, name="transcript log", daemon=True)
        self._thread.start()

    def write(self, turn: Mapping[str, Any]) -> None:
        """Log a turn; never waits."""
        at = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")
        try:
            self._lines.put_nowait(json.dumps({"at": at, **turn}, ensure_ascii=False))
        except queue.Full:
            log.error("a turn was not logged: the disk does not keep up", directory=str(self._directory))

    def close(self) -> None:
        """Write what waits, and end; waits for the disk."""
        self._lines.put(None)
        self._thread.join()

    def sweep(self) -> None:
        """Delete files whose last line is older than their time."""
        oldest_s = self._clock() - self._days * DAY_S
        for path in self._directory.glob("conversations-*.jsonl"):
            # Several processes may share the directory and sweep it at once.
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest_s:
                    path.unlink()
                    log.info("old conversations deleted", path=str(path))

    def _work(self) -> None:
        swept_s = -SWEEP_S
        while True:
            if time.monotonic() - swept_s >= SWEEP_S:
                swept_s = time.monotonic()
                self._tried(self.sweep)
            try:
                line = self._lines.get(timeout=SWEEP_S)
            except queue.Empty:
                continue
            if line is None:
                return
            self._tried(lambda line=line: self._append(line))  # type: ignore[misc]  # a lambda with a default

    def _append(self, line: str) -> None:
        self._directory.mkdir(mode=OWNERS_DIRECTORY, parents=True, exist_ok=True)
        day = datetime.fromtimestamp(self._clock(), UTC).date().isoformat()
        path = self._directory / f"conversations-{day}.jsonl"
        # One write to a file that is only appended to: lines of several processes do not mix.
        number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, OWNER_ONLY)
        try:
            os.write(number, f"{line}\n".encode())
        finally:
            os.close(number)

    def _tried(self, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as error:
            log.error("conversations cannot be logged", directory=str(self._directory), reason=str(error))


def open_transcript_log(settings: RetentionSettings) -> TranscriptLog | None:
    """The log that the settings ask for, or None."""
    return TranscriptLog(settings.conversation_log, settings.days) if settings.conversation_log else None
