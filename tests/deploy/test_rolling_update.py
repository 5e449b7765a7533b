"""Workers and orchestrator are replaced while people are served; a newcomer that fails changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from deploy.compose import Installation


@dataclass(slots=True)
class Listener:
    """Asks for speech again and again; `statuses` are the answers."""

    url: str
    key: str
    verify: str
    statuses: list[int | str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with httpx.Client(verify=httpx.create_ssl_context(verify=self.verify), timeout=60) as client:
            while not self.stopped.wait(0.5):
                try:
                    answer = client.post(
                        self.url, json={"text": "Still here."}, headers={"Authorization": f"Bearer {self.key}"}
                    )
                    self.statuses.append(answer.status_code)
                except httpx.HTTPError as error:
                    self.statuses.append(repr(error))


@contextmanager
def _listening(installed: Installation, key: str, authority: str) -> Iterator[Listener]:
    listener = Listener(f"https://localhost:{installed.ports['WEB_TLS_PORT']}/synthesize", key, authority)
    thread = threading.Thread(target=listener.run)
    thread.start()
    try:
        yield listener
    finally:
        listener.stopped.set()
        thread.join(90)


def _ids(installed: Installation) -> dict[str, str]:
    return {one["Name"]: one["Id"] for one in installed.inspect(["orchestrator", "tts0"])}


def test_an_update_replaces_all_and_is_not_noticed(installed: Installation, key: str, authority: str) -> None:
    before = _ids(installed)
    with _listening(installed, key, authority) as listener:
        installed.run("deploy/rolling-update", timeout_s=170)
    assert not set(before.values()) & set(_ids(installed).values())
    assert len(listener.statuses) > 5
    assert set(listener.statuses) == {200}


def test_an_image_that_does_not_work_is_taken_back(installed: Installation) -> None:
    before = _ids(installed)
    tag = "tts-worker:prod"
    image = installed.run("docker", "image", "inspect", "--format", "{{.Id}}", tag).stdout.strip()
    installed.run("docker", "tag", "redis:7.4-alpine", tag)
    failed = installed.run("env", "ROLLING_UPDATE_WAIT_S=10", "deploy/rolling-update", timeout_s=120, check=False)
    assert failed.returncode != 0
    assert _ids(installed) == before
    assert installed.run("docker", "image", "inspect", "--format", "{{.Id}}", tag).stdout.strip() == image
