"""Children of a real supervisor: restarted, ended, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from voicechat.launch.fake import RecordingObserver
from voicechat.launch.ports import free_port
from voicechat.launch.process import spawn
from voicechat.launch.service import Service
from voicechat.launch.supervisor import Supervisor

LISTENER = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


async def _yes() -> bool:
    return True


def listener(port: int) -> Service:
    return Service("part", (sys.executable, "-c", LISTENER, str(port)), dict(os.environ), "127.0.0.1", port, _yes)


async def test_a_killed_child_comes_back_on_its_port() -> None:
    observer = RecordingObserver()
    async with asyncio.timeout(30), Supervisor(observer) as supervisor:
        part = supervisor.start(listener(free_port()))
        await part.became_ready()
        first = part.pid
        assert first is not None

        os.kill(first, signal.SIGKILL)
        while len(observer.said) < 3:
            await asyncio.sleep(0.05)

        assert observer.said[1] == f"part {first} killed by SIGKILL, again in 0.2 s"
        assert part.pid != first
    assert not psutil.pid_exists(first)


async def test_a_child_on_a_port_that_a_stranger_holds_never_counts_as_ready() -> None:
    stranger = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with stranger, asyncio.timeout(30), Supervisor(observer := RecordingObserver()) as supervisor:
        supervisor.start(listener(stranger.sockets[0].getsockname()[1]))
        while not any("exit code 1" in line for line in observer.said):
            await asyncio.sleep(0.05)

        assert not any(line.endswith("ready") for line in observer.said)


async def test_every_line_of_a_child_is_heard_whatever_its_bytes() -> None:
    lines: list[str] = []
    script = r"import sys; sys.stdout.buffer.write(b'one\n\xff\n' + b'x' * 200_000 + b'\nlast'); sys.exit(3)"
    async with spawn([sys.executable, "-c", script], os.environ, lines.append) as process:
        assert await process.wait() == 3

    assert lines[:2] == ["one", "\ufffd"]
    assert "".join(lines[2:]) == "x" * 200_000 + "last"


async def test_a_child_that_ignores_the_term_signal_is_killed_with_its_own_children() -> None:
    lines: list[str] = []
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {DEAF!r}])"
    async with spawn([sys.executable, "-c", script], os.environ, lines.append) as process:
        while not lines:
            await asyncio.sleep(0.05)
        family = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]

    assert len(family) == 2
    await _ended(*family)


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has spawned a child and printed its id."""
    script = textwrap.dedent("""
        import asyncio, os, sys
        from voicechat.launch.process import spawn

        async def main():
            async with spawn([sys.executable, "-c", "import time; time.sleep(600)"], os.environ, print) as child:
                print(child.pid, flush=True)
                await asyncio.sleep(600)

        asyncio.run(main())
    """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with a parent that was killed")
async def test_no_child_outlives_a_parent_that_was_killed(parent: subprocess.Popen[str]) -> None:
    assert parent.stdout is not None
    child = int(await asyncio.to_thread(parent.stdout.readline))
    assert _runs(child)

    parent.kill()

    await _ended(child)


async def _ended(*pids: int) -> None:
    """A killed process is gone a moment later."""
    async with asyncio.timeout(10):
        while any(_runs(pid) for pid in pids):
            await asyncio.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
