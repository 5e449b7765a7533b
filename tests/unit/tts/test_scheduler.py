from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechat.tts.scheduler import BULK_SHARE, Pace, RunQueue, Scheduler, Unit

_orders = itertools.count()


def unit(pace: Pace = Pace.REALTIME, deadline_s: float = 0.0) -> Unit:
    return Unit(deadline_s, next(_orders), pace, lambda: None)


def test_the_earliest_deadline_runs_first() -> None:
    queue = RunQueue(threads=1)
    late, early = unit(deadline_s=2.0), unit(deadline_s=1.0)
    queue.add(late)
    queue.add(early)

    assert [queue.take(), queue.take(), queue.take()] == [early, late, None]


def test_equal_deadlines_run_in_the_order_they_came() -> None:
    queue = RunQueue(threads=1)
    units = [unit(), unit(), unit()]
    for waiting in units:
        queue.add(waiting)

    assert [queue.take() for _ in units] == units


def test_bulk_waits_for_realtime() -> None:
    queue = RunQueue(threads=2)
    file, call = unit(Pace.BULK), unit(Pace.REALTIME, deadline_s=99)
    queue.add(file)
    queue.add(call)

    assert [queue.take(), queue.take()] == [call, file]


def test_bulk_leaves_one_thread_free() -> None:
    queue = RunQueue(threads=2)
    queue.add(unit(Pace.BULK))
    queue.add(unit(Pace.BULK))
    first = queue.take()

    assert first is not None and queue.take() is None
    queue.done(first, 0.1)
    assert queue.take() is not None


@settings(deadline=None, max_examples=50)
@given(bulk_s=st.floats(0.05, 1.0), realtime_s=st.floats(0.05, 1.0))
def test_bulk_gets_its_share_while_both_wait(bulk_s: float, realtime_s: float) -> None:
    queue = RunQueue(threads=1)
    spent = dict.fromkeys(Pace, 0.0)
    for pace in Pace:
        queue.add(unit(pace))
    for _ in range(2000):
        taken = queue.take()
        assert taken is not None
        took_s = bulk_s if taken.pace is Pace.BULK else realtime_s
        spent[taken.pace] += took_s
        queue.add(unit(taken.pace))
        queue.done(taken, took_s)

    assert spent[Pace.BULK] / sum(spent.values()) == pytest.approx(BULK_SHARE, rel=0.25)


def test_bulk_saves_no_claim_from_when_it_had_nothing_to_do() -> None:
    queue = RunQueue(threads=1)
    for _ in range(50):
        queue.add(unit())
        taken = queue.take()
        assert taken is not None
        queue.done(taken, 1.0)
    file, call = unit(Pace.BULK), unit()
    queue.add(file)
    queue.add(call)

    assert queue.take() is call


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    running = Scheduler(threads=1)
    yield running
    running.close()


async def test_work_runs_on_another_thread_and_gives_its_result(scheduler: Scheduler) -> None:
    assert await scheduler.submit(threading.get_ident, Pace.REALTIME, 0.0) != threading.get_ident()


async def test_an_error_reaches_whoever_submitted(scheduler: Scheduler) -> None:
    with pytest.raises(ZeroDivisionError):
        await scheduler.submit(lambda: 1 / 0, Pace.REALTIME, 0.0)


async def test_work_that_was_given_up_never_runs(scheduler: Scheduler) -> None:
    go, ran = threading.Event(), []
    blocking = scheduler.submit(go.wait, Pace.REALTIME, 0.0)
    given_up = scheduler.submit(lambda: ran.append("given up"), Pace.REALTIME, 1.0)
    kept = scheduler.submit(lambda: ran.append("kept"), Pace.REALTIME, 2.0)
    given_up.cancel()
    await asyncio.sleep(0)  # the scheduler hears of it in the loop's next turn
    go.set()
    await asyncio.gather(blocking, kept)

    assert ran == ["kept"]


@dataclass
class Listener:
    """Plays in real time from its first chunk on; asks for the next while less than two seconds are in hand."""

    began_s: float
    chunk_s: float
    cost: float
    made_s: float = 0.0
    due: bool = False
    plays_from_s: float | None = None

    def lead_s(self, now_s: float) -> float:
        return 0.0 if self.plays_from_s is None else self.made_s - (now_s - self.plays_from_s)

    def take(self, now_s: float) -> None:
        self.plays_from_s = now_s if self.plays_from_s is None else self.plays_from_s
        self.made_s += self.chunk_s
        self.due = False


@settings(deadline=None, max_examples=60)
@given(
    starts=st.lists(st.floats(0, 3), min_size=1, max_size=6),
    chunk_s=st.floats(0.1, 0.7),
    bulk_unit_s=st.floats(0.02, 0.1),
)
def test_listeners_within_the_speed_never_run_dry_nor_far_ahead_and_files_go_on(
    starts: list[float], chunk_s: float, bulk_unit_s: float
) -> None:
    """One thread, in virtual time: 0.8 of it is asked for by listeners, all the rest by a file."""
    listeners = [Listener(start, chunk_s, 0.8 / len(starts)) for start in starts]
    queue, now_s, bulk_s, asked = RunQueue(threads=1), 0.0, 0.0, {}
    queue.add(unit(Pace.BULK))
    while now_s < 30:
        for listener in listeners:
            if not listener.due and listener.began_s <= now_s and listener.lead_s(now_s) < 2:
                listener.due = True
                wanted = unit(deadline_s=now_s + listener.lead_s(now_s))
                asked[wanted.order] = listener
                queue.add(wanted)
        waiting = [listener.lead_s(now_s) for listener in listeners if listener.due]
        taken = queue.take()
        assert taken is not None
        if taken.pace is Pace.BULK:
            took_s = bulk_unit_s
            bulk_s += took_s
            now_s += took_s
            queue.add(unit(Pace.BULK))
        else:
            listener = asked.pop(taken.order)
            assert listener.lead_s(now_s) == pytest.approx(min(waiting))
            took_s = listener.cost * listener.chunk_s
            now_s += took_s
            listener.take(now_s)
        queue.done(taken, took_s)
        # At the start all ask at once: a round of chunks and a file's unit may come between.
        patience_s = 0.0 if now_s > 15 else 2 * bulk_unit_s + chunk_s
        assert all(-patience_s <= listener.lead_s(now_s) < 2 + chunk_s for listener in listeners)

    assert bulk_s / now_s > BULK_SHARE * 0.7
