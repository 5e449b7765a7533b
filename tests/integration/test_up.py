"""`voicechat up` as its user runs it: it says what it does, mends what dies, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from support.stack import Stack, start_stack

WORKER = "voicechat.tts"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = start_stack(
        tmp_path / "up.log",
        *("--mind", "embedded", "--set", "llm.temperature=0"),
        environment={"XDG_STATE_HOME": str(tmp_path)},
    )
    try:
        stack.wait_until_ready(120)
        yield stack
    finally:
        if stack.process.poll() is None:
            stack.stop()


def shown(stack: Stack) -> str:
    return stack.log.read_text()


def wait_for(stack: Stack, pattern: str, timeout_s: float = 60.0) -> re.Match[str]:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := re.search(pattern, shown(stack)):
            return found
        time.sleep(0.05)
    raise AssertionError(f"{pattern!r} was not shown:\n{shown(stack)}")


def speaks(stack: Stack) -> bool:
    answer = httpx.post(f"{stack.url}/synthesize", json={"text": "Hello."}, timeout=30)
    return answer.status_code == 200 and len(answer.content) > 10_000


def test_up_shows_who_answers_what_runs_and_where_and_ends_everything_on_ctrl_c(stack: Stack, tmp_path: Path) -> None:
    wait_for(stack, rf"open +http://localhost:{stack.port} ")
    lines = shown(stack).splitlines()

    assert lines[0].startswith("mind     is      embedded smollm2-135m-instruct, a demonstration")
    ready = {line.split()[0]: int(line.split()[3]) for line in lines if " ready " in line}
    assert set(ready) == {"voice", "mind", "ears"}
    assert stack.child(WORKER).pid == ready["voice"]
    assert speaks(stack)
    assert (tmp_path / "voicechat" / f"up-{stack.port}.log").exists()

    family = [stack.process.pid, *ready.values()]
    assert stack.stop() == 0
    assert not any(psutil.pid_exists(pid) for pid in family)


def test_a_killed_worker_is_replaced_on_its_port_and_the_screen_says_so(stack: Stack) -> None:
    wait_for(stack, "open +http")
    address = wait_for(stack, r"voice +ready +pid (\d+)  (\S+)")
    victim = stack.child(WORKER)

    victim.kill()

    wait_for(stack, rf"voice +died +pid {victim.pid}  killed by SIGKILL; starting again in 0.2 s")
    again = wait_for(stack, rf"(?s)died.*voice +ready +pid (\d+)  {re.escape(address[2])}")
    assert int(again[1]) != victim.pid
    stack.wait_until_ready()
    assert speaks(stack)


def test_no_process_outlives_up_when_it_is_killed(stack: Stack) -> None:
    children = psutil.Process(stack.process.pid).children(recursive=True)
    assert len(children) == 3

    os.kill(stack.process.pid, signal.SIGKILL)
    stack.process.wait()

    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
