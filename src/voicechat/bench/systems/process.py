"""Processes that are spoken with line by line, and never outlive the measurement."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from voicechat.bench.systems.port import BenchError
from voicechat.launch import guard

MAX_LINE_BYTES = 64 * 2**20
"""A reply of several minutes, in base64."""

_LAST_LINES = 8


@asynccontextmanager
async def running(
    command: tuple[str, ...], log: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Process]:
    """Run `command` in a session of its own, standard error going to `log`; killed when the context is left."""
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(Path(guard.__file__)), str(os.getpid())),
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=errors,
            env=None if environment is None else dict(environment),
            limit=MAX_LINE_BYTES,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def read_json(process: Process, log: Path, timeout_s: float) -> dict[str, Any]:
    """The next line that `process` prints. Raises `BenchError` when it ends, or is silent for `timeout_s`."""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(timeout_s):
            line = await process.stdout.readline()
    except TimeoutError as error:
        raise BenchError(f"a peer said nothing for {timeout_s:g} s; its last words were: {last_lines(log)}") from error
    if not line:
        raise BenchError(f"a peer ended early; its last words were: {last_lines(log)}")
    answer: dict[str, Any] = json.loads(line)
    return answer


def last_lines(log: Path) -> str:
    """What a process wrote last, in one line."""
    return " / ".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:]) or "none"
