"""People who are served while something happens to the installation."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from deploy.compose import Installation
from support.speech import PROMPTS
from support.stack import VOICECHAT

QUESTION = PROMPTS / "conf-onlyone.wav"
PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class Door:
    """How people come in: through TLS, with a key. `authority` is the file of who certifies it."""

    address: str
    authority: str
    key: str

    @classmethod
    def of(cls, installed: Installation, authority: str, key: str) -> Door:
        return cls(f"localhost:{installed.ports['WEB_TLS_PORT']}", authority, key)


def talk(door: Door) -> str:
    """Ask a spoken question; returns the answer in words. Raises `AssertionError` when there is none."""
    environment = os.environ | {"SSL_CERT_FILE": door.authority, "VOICECHAT_API_KEY": door.key}
    url = f"wss://{door.address}/v1/realtime"
    command = [VOICECHAT, "talk", "--url", url, "--input", str(QUESTION), "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    turns = json.loads(done.stdout)["turns"]
    assert turns, done.stdout
    return str(turns[0]["assistant"])


@dataclass(slots=True)
class Served:
    """What people got: answers to requests for speech, and to spoken questions. Failures are texts in `failures`."""

    spoken: int = 0
    talked: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def both(self) -> int:
        return min(self.spoken, self.talked)


@contextmanager
def people(door: Door) -> Iterator[Served]:
    """One who has text spoken again and again, and one who asks questions aloud, until the block is left."""
    served, over = Served(), threading.Event()
    threads = [threading.Thread(target=one, args=(door, served, over)) for one in (_have_spoken, _ask)]
    for thread in threads:
        thread.start()
    try:
        _until(lambda: served.both or served.failures, 60)
        yield served
        _until(lambda: served.failures, 2 * PAUSE_S)
    finally:
        over.set()
        for thread in threads:
            thread.join(130)


def _until(holds: Callable[[], object], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.2)


def _have_spoken(door: Door, served: Served, over: threading.Event) -> None:
    headers = {"Authorization": f"Bearer {door.key}"}
    with httpx.Client(verify=ssl.create_default_context(cafile=door.authority), headers=headers, timeout=60) as client:
        while not over.wait(PAUSE_S):
            try:
                answer = client.post(f"https://{door.address}/synthesize", json={"text": "Still here."})
            except httpx.HTTPError as error:
                served.failures.append(f"speech: {error!r}")
            else:
                if answer.status_code == 200:
                    served.spoken += 1
                else:
                    served.failures.append(f"speech: {answer.status_code} {answer.text[:200]}")


def _ask(door: Door, served: Served, over: threading.Event) -> None:
    while not over.wait(PAUSE_S):
        try:
            assert talk(door), "an empty answer"
        except (AssertionError, subprocess.TimeoutExpired) as error:
            served.failures.append(f"talk: {error}")
        else:
            served.talked += 1
