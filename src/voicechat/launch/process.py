"""Child processes: started in a session of their own, read line by line, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import psutil

from voicechat.launch import guard

MAX_LINE_BYTES = 65_536
LAST_WORDS_TIMEOUT_S = 1.0

LineSink = Callable[[str], None]


class Process(Protocol):
    """A running child and whatever it has started."""

    @property
    def pid(self) -> int:
        """Its process id, also that of its process group."""

    async def wait(self) -> int:
        """Its exit code; minus the number of the signal that ended it."""

    def listens_on(self, port: int) -> bool:
        """Whether it is the one that answers on a TCP port of this machine."""

    def send(self, number: signal.Signals) -> None:
        """Signal the whole group; nothing happens when it has ended."""


class Spawner(Protocol):
    """Starts processes. Leaving the context kills what is left of the group."""

    def __call__(
        self, command: Sequence[str], environment: Mapping[str, str], on_line: LineSink
    ) -> AbstractAsyncContextManager[Process]:
        """Run `command`; each line of its output goes to `on_line`. Raises `OSError` when it cannot be started."""


def describe_exit(code: int) -> str:
    """How a process ended, for people."""
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"


class OsProcess:
    """A child of this process."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child

    @property
    def pid(self) -> int:
        """Its process id, also that of its process group."""
        return self._child.pid

    async def wait(self) -> int:
        """Its exit code; minus the number of the signal that ended it."""
        return await self._child.wait()

    def listens_on(self, port: int) -> bool:
        """Whether it is the one that answers on a TCP port of this machine."""
        try:
            connections = psutil.Process(self._child.pid).net_connections("tcp")
        except psutil.Error:
            return False
        return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections)

    def send(self, number: signal.Signals) -> None:
        """Signal the whole group; nothing happens when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, number)


@contextlib.asynccontextmanager
async def spawn(command: Sequence[str], environment: Mapping[str, str], on_line: LineSink) -> AsyncIterator[Process]:
    """Run `command` in a group of its own, to be killed with this process however it ends.

    Not in a session of its own: Linux shares the processor between sessions first (autogroups), and their processes'
    niceness would no longer put the mind behind the voice.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-S", str(Path(guard.__file__)), str(os.getpid())),
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(environment),
        process_group=0,
    )
    assert child.stdout is not None
    reader = asyncio.create_task(_forward_lines(child.stdout, on_line))
    process = OsProcess(child)
    try:
        yield process
    finally:
        process.send(signal.SIGKILL)
        await child.wait()
        await asyncio.wait({reader}, timeout=LAST_WORDS_TIMEOUT_S)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


async def _forward_lines(stream: asyncio.StreamReader, on_line: LineSink) -> None:
    pending = b""
    while chunk := await stream.read(MAX_LINE_BYTES):
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            on_line(line.decode(errors="replace").rstrip())
        if len(pending) > MAX_LINE_BYTES:
            on_line(pending.decode(errors="replace"))
            pending = b""
    if pending:
        on_line(pending.decode(errors="replace").rstrip())
