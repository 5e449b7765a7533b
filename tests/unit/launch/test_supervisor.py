from __future__ import annotations

import asyncio
import dataclasses
import functools
import signal
from collections.abc import Awaitable, Callable

import pytest

from voicechat.launch.backoff import Backoff, BackoffPolicy
from voicechat.launch.fake import FakeSpawner, RecordingObserver
from voicechat.launch.process import describe_exit
from voicechat.launch.service import LEGAL_MOVES, Service, ServiceFailed, ServiceState
from voicechat.launch.supervisor import Supervisor


async def at_once() -> bool:
    return True


async def never() -> bool:
    return False


def answers_after(seconds: float) -> Callable[[], Awaitable[bool]]:
    async def is_ready() -> bool:
        await asyncio.sleep(seconds)
        return True

    return is_ready


def service(name: str = "voice", is_ready: Callable[[], Awaitable[bool]] = at_once) -> Service:
    return Service(name, (f"/bin/{name}",), {}, "127.0.0.1", 7001, is_ready)


@pytest.mark.parametrize(
    ("lives_s", "waits_s"),
    [
        ([0, 0, 0], [0.2, 0.4, 0.8]),
        ([0] * 8, [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]),
        ([0, 0, 30, 0], [0.2, 0.4, 0.2, 0.4]),
        ([29.9, 29.9], [0.2, 0.4]),
        ([30, 30], [0.2, 0.2]),
    ],
)
def test_waits_double_up_to_a_bound_and_begin_anew_after_a_stable_life(
    lives_s: list[float], waits_s: list[float]
) -> None:
    backoff = Backoff(BackoffPolicy())

    assert [backoff.after(lived_s) for lived_s in lives_s] == pytest.approx(waits_s)


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "exit code 0"), (3, "exit code 3"), (-9, "killed by SIGKILL"), (-250, "killed by signal 250")],
)
def test_an_exit_is_described_by_code_or_signal_name(code: int, words: str) -> None:
    assert describe_exit(code) == words


def test_every_state_but_failure_leads_somewhere_and_all_can_be_reached() -> None:
    reachable = set().union(*LEGAL_MOVES.values())

    assert reachable == set(ServiceState)
    assert [state for state, moves in LEGAL_MOVES.items() if not moves] == [ServiceState.FAILED]


async def test_a_service_is_ready_once_it_answers() -> None:
    observer = RecordingObserver()
    async with Supervisor(observer, FakeSpawner()) as supervisor:
        voice = supervisor.start(service(is_ready=answers_after(2)))
        await asyncio.sleep(1.9)
        assert voice.state is ServiceState.STARTING

        await voice.became_ready()

        assert (voice.state, voice.pid) == (ServiceState.READY, 1)
        assert observer.said == ["voice 1 ready"]


async def test_a_service_that_refuses_connections_is_asked_again() -> None:
    refusals = iter([ConnectionRefusedError(), ConnectionRefusedError()])

    async def is_ready() -> bool:
        if refusal := next(refusals, None):
            raise refusal
        return True

    async with Supervisor(RecordingObserver(), FakeSpawner()) as supervisor:
        voice = supervisor.start(service(is_ready=is_ready))
        await voice.became_ready()
        assert voice.state is ServiceState.READY


async def test_a_stranger_that_answers_on_its_port_does_not_make_a_service_ready() -> None:
    spawner = FakeSpawner()
    async with Supervisor(RecordingObserver(), spawner) as supervisor:
        voice = supervisor.start(service(is_ready=answers_after(1)))
        await asyncio.sleep(0.5)
        spawner.started[0].has_its_port = False
        await asyncio.sleep(5)
        assert voice.state is ServiceState.STARTING


async def test_a_service_that_is_killed_is_started_again_with_the_same_command() -> None:
    spawner, observer = FakeSpawner(), RecordingObserver()
    async with Supervisor(observer, spawner) as supervisor:
        voice = supervisor.start(service())
        await voice.became_ready()

        spawner.started[0].end(-signal.SIGKILL)
        await asyncio.sleep(1)

        assert (voice.state, voice.pid) == (ServiceState.READY, 2)
        assert spawner.commands == [("/bin/voice",), ("/bin/voice",)]
        assert observer.said == ["voice 1 ready", "voice 1 killed by SIGKILL, again in 0.2 s", "voice 2 ready"]


async def test_restarts_come_further_and_further_apart() -> None:
    spawner = FakeSpawner([1, 1, 1, 40, 1])
    async with Supervisor(RecordingObserver(), spawner) as supervisor:
        supervisor.start(service())
        await asyncio.sleep(60)

    assert spawner.started_at_s == pytest.approx([0, 1.2, 2.6, 4.4, 44.6, 46.0], abs=0.01)


async def test_five_failed_starts_in_a_row_are_the_end() -> None:
    spawner, observer = FakeSpawner([0.1] * 9, exit_code=3), RecordingObserver()
    async with Supervisor(observer, spawner) as supervisor:
        supervisor.start(service(is_ready=never))

        with pytest.raises(
            ServiceFailed, match="voice failed to start 5 times in a row \\(exit code 3 the last time\\)"
        ):
            await supervisor.watch()

    assert len(spawner.started) == 5
    assert observer.said[-1] == "voice 5 exit code 3, given up"


async def test_a_start_that_succeeds_forgives_the_failures_before_it() -> None:
    spawner = FakeSpawner([0.1, 0.1, 0.1, 0.1, 5, 0.1, 0.1, 0.1, 0.1])
    async with Supervisor(RecordingObserver(), spawner) as supervisor:
        voice = supervisor.start(service(is_ready=answers_after(1)))
        await asyncio.sleep(120)
        assert voice.state is ServiceState.READY


async def test_a_service_that_hangs_at_its_start_is_killed_and_counts_as_failed() -> None:
    spawner, observer = FakeSpawner(), RecordingObserver()
    hung = dataclasses.replace(service(is_ready=never), ready_timeout_s=10, max_failed_starts=1)
    async with Supervisor(observer, spawner) as supervisor:
        supervisor.start(hung)
        with pytest.raises(ServiceFailed, match="not ready within 10 s"):
            await supervisor.watch()

    assert spawner.started[0].signals == [signal.SIGKILL]


async def test_services_are_ended_in_the_opposite_order_each_with_a_term_signal() -> None:
    ended: list[int] = []
    spawner = FakeSpawner()
    async with Supervisor(RecordingObserver(), spawner) as supervisor:
        for name in ("voice", "mind"):
            await supervisor.start(service(name)).became_ready()
        for process in spawner.started:
            process.when_ended(functools.partial(ended.append, process.pid))

    assert ended == [2, 1]
    assert [process.signals for process in spawner.started] == [[signal.SIGTERM], [signal.SIGTERM]]


async def test_a_service_that_ignores_the_term_signal_is_killed_after_its_grace() -> None:
    spawner = FakeSpawner(deaf=True)
    async with Supervisor(RecordingObserver(), spawner) as supervisor:
        voice = supervisor.start(dataclasses.replace(service(), stop_grace_s=5))
        await voice.became_ready()
        asked_at_s = asyncio.get_running_loop().time()

    assert spawner.started[0].signals == [signal.SIGTERM, signal.SIGKILL]
    assert asyncio.get_running_loop().time() - asked_at_s == pytest.approx(5)


async def test_nothing_is_started_again_while_everything_ends() -> None:
    spawner = FakeSpawner([1])
    async with Supervisor(RecordingObserver(), spawner) as supervisor:
        voice = supervisor.start(service())
        await asyncio.sleep(1.1)
        while_open = voice.state

    assert (while_open, voice.state) == (ServiceState.WAITING, ServiceState.STOPPED)
    assert len(spawner.started) == 1


async def test_a_cancelled_shutdown_still_leaves_no_process() -> None:
    spawner = FakeSpawner(deaf=True)

    async def run() -> None:
        async with Supervisor(RecordingObserver(), spawner) as supervisor:
            await supervisor.start(service()).became_ready()

    task = asyncio.ensure_future(run())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert not spawner.started[0].running


async def test_lines_of_a_service_reach_the_observer() -> None:
    spawner, observer = FakeSpawner(), RecordingObserver()
    async with Supervisor(observer, spawner) as supervisor:
        await supervisor.start(service()).became_ready()
        spawner.started[0].say("loading")

    assert observer.said == ["voice 1 ready", "voice: loading"]
