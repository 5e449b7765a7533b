"""Recognition jobs run in order of urgency on few threads."""

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest

from voicechat.asr.port import EarsError
from voicechat.asr.worker import DecodingWorker, Priority


@pytest.fixture
def worker() -> Iterator[DecodingWorker]:
    worker = DecodingWorker(max_waiting=4)
    yield worker
    worker.close()


@pytest.fixture
def held(worker: DecodingWorker) -> Iterator[threading.Event]:
    """The only thread is busy until this is set."""
    release, started = threading.Event(), threading.Event()

    def hold() -> None:
        started.set()
        release.wait()

    worker.submit(Priority.FINAL, hold)
    started.wait()
    yield release
    release.set()


def test_finals_overtake_interims_and_files(worker: DecodingWorker, held: threading.Event) -> None:
    order: list[str] = []
    jobs = [
        worker.submit(priority, lambda name=name: order.append(name))  # type: ignore[misc]  # lambda defaults
        for priority, name in (
            (Priority.BULK, "file"),
            (Priority.INTERIM, "interim"),
            (Priority.FINAL, "first"),
            (Priority.FINAL, "second"),
        )
    ]
    held.set()
    for job in jobs:
        job.result(timeout=5)
    assert order == ["first", "second", "interim", "file"]


def test_too_much_waiting_is_refused(worker: DecodingWorker, held: threading.Event) -> None:
    for _ in range(4):
        worker.submit(Priority.FINAL, int)
    with pytest.raises(EarsError, match="wait already"):
        worker.submit(Priority.FINAL, int)


def test_it_is_idle_only_when_a_job_would_start_at_once(worker: DecodingWorker, held: threading.Event) -> None:
    assert not worker.idle


def test_an_engines_error_becomes_one_of_the_ears(worker: DecodingWorker) -> None:
    with pytest.raises(EarsError, match="ZeroDivisionError"):
        worker.submit(Priority.FINAL, lambda: 1 / 0).result(timeout=5)


def test_closing_cancels_what_waits(held: threading.Event, worker: DecodingWorker) -> None:
    waiting = worker.submit(Priority.FINAL, int)
    closing = threading.Thread(target=worker.close)
    closing.start()
    with pytest.raises(CancelledError):
        waiting.result(timeout=5)
    held.set()
    closing.join(timeout=5)
    assert not closing.is_alive()


def test_nothing_is_taken_after_closing() -> None:
    worker = DecodingWorker()
    worker.close()
    with pytest.raises(EarsError, match="closed"):
        worker.submit(Priority.FINAL, int)
