"""Keeps services alive: started in order, restarted with growing waits, ended in the opposite order."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from voicechat.launch.backoff import Backoff, BackoffPolicy
from voicechat.launch.process import Process, Spawner, describe_exit, spawn
from voicechat.launch.service import LEGAL_MOVES, IllegalMoveError, Observer, Service, ServiceFailed, ServiceState


class SupervisedService:
    """One service. Its time is the event loop's."""

    def __init__(self, service: Service, spawner: Spawner, observer: Observer, policy: BackoffPolicy) -> None:
        self.service = service
        self._spawn = spawner
        self._observer = observer
        self._backoff = Backoff(policy)
        self._state = ServiceState.STOPPED
        self._pid: int | None = None
        self._failed_starts = 0
        self._was_ready = asyncio.Event()
        self._stopping = asyncio.Event()
        self._overdue = False
        self._wait_s = 0.0

    @property
    def state(self) -> ServiceState:
        """Where it is in its life."""
        return self._state

    @property
    def pid(self) -> int | None:
        """The id of its process while it runs."""
        return self._pid

    def stop(self) -> None:
        """Ask it to end: SIGTERM, and SIGKILL once its grace is over. `run` returns when it has."""
        self._stopping.set()

    async def became_ready(self) -> None:
        """Wait until it has answered for the first time."""
        await self._was_ready.wait()

    async def run(self) -> None:
        """Keep it alive until `stop`. Raises `ServiceFailed` when it fails to start too often in a row."""
        clock = asyncio.get_running_loop().time
        while not self._stopping.is_set():
            began_s = clock()
            pid, code = await self._live(began_s)
            if self._state is ServiceState.STOPPING:
                break
            self._after_death(pid, code, lived_s=clock() - began_s)
            await self._pause()
        self._move(ServiceState.STOPPED)

    async def _live(self, began_s: float) -> tuple[int, int]:
        self._move(ServiceState.STARTING)
        self._overdue = False
        service = self.service
        spawned = self._spawn(service.command, service.environment, lambda line: self._observer.output(service, line))
        async with spawned as process, asyncio.TaskGroup() as group:
            self._pid = process.pid
            ended = group.create_task(process.wait())
            asked = group.create_task(self._stopping.wait())
            probe = group.create_task(self._watch_start(process, began_s))
            await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
            probe.cancel()
            if not ended.done():
                await self._terminate(process, ended)
            asked.cancel()
        self._pid = None
        return process.pid, ended.result()

    async def _watch_start(self, process: Process, began_s: float) -> None:
        try:
            async with asyncio.timeout(self.service.ready_timeout_s):
                while not await self._answers(process):  # noqa: ASYNC110 - another process can only be asked
                    await asyncio.sleep(self.service.probe_interval_s)
        except TimeoutError:
            self._overdue = True
            process.send(signal.SIGKILL)
            return
        self._failed_starts = 0
        self._move(ServiceState.READY)
        self._was_ready.set()
        self._observer.ready(self.service, process.pid, asyncio.get_running_loop().time() - began_s)

    async def _answers(self, process: Process) -> bool:
        try:
            # A stranger on the same port would answer too.
            return await self.service.is_ready() and process.listens_on(self.service.port)
        except OSError:
            return False

    async def _terminate(self, process: Process, ended: asyncio.Task[int]) -> None:
        self._move(ServiceState.STOPPING)
        process.send(signal.SIGTERM)
        await asyncio.wait({ended}, timeout=self.service.stop_grace_s)
        if not ended.done():
            process.send(signal.SIGKILL)
            await asyncio.wait({ended})

    def _after_death(self, pid: int, code: int, lived_s: float) -> None:
        reason = f"not ready within {self.service.ready_timeout_s:g} s" if self._overdue else describe_exit(code)
        if self._state is ServiceState.STARTING:
            self._failed_starts += 1
        if self._failed_starts >= self.service.max_failed_starts:
            self._move(ServiceState.FAILED)
            self._observer.died(self.service, pid, reason, None)
            raise ServiceFailed(
                f"{self.service.name} failed to start {self._failed_starts} times in a row ({reason} the last time)"
            )
        self._wait_s = self._backoff.after(lived_s)
        self._move(ServiceState.WAITING)
        self._observer.died(self.service, pid, reason, self._wait_s)

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._wait_s):
                await self._stopping.wait()

    def _move(self, state: ServiceState) -> None:
        if state not in LEGAL_MOVES[self._state]:
            raise IllegalMoveError(self.service.name, self._state, state)
        self._state = state


class Supervisor:
    """Services started one after the other, and ended in the opposite order when the context is left."""

    def __init__(self, observer: Observer, spawner: Spawner = spawn, policy: BackoffPolicy | None = None) -> None:
        self._observer = observer
        self._spawner = spawner
        self._policy = policy or BackoffPolicy()
        self._running: list[tuple[SupervisedService, asyncio.Task[None]]] = []
        self._changed = asyncio.Event()

    def start(self, service: Service) -> SupervisedService:
        """Start a service and keep it alive."""
        supervised = SupervisedService(service, self._spawner, self._observer, self._policy)
        task = asyncio.create_task(supervised.run(), name=service.name)
        task.add_done_callback(lambda _: self._changed.set())
        self._running.append((supervised, task))
        return supervised

    async def watch(self) -> None:
        """Run for as long as every service can be kept alive; raises the `ServiceFailed` of the first that cannot."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            for _, task in self._running:
                if task.done():
                    task.result()

    async def __aenter__(self) -> Supervisor:
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [task for _, task in self._running]
        try:
            for supervised, task in reversed(self._running):
                supervised.stop()
                await asyncio.wait({task})
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
