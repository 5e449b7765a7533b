"""Processes that are not there, for tests of what is done with processes."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from voicechat.launch.process import LineSink
from voicechat.launch.service import Service


class FakeProcess:
    """A process that ends when it is told to. `deaf`: SIGTERM does nothing to it."""

    def __init__(self, pid: int, on_line: LineSink, *, deaf: bool = False) -> None:
        self._pid = pid
        self._deaf = deaf
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.say = on_line
        self.signals: list[signal.Signals] = []
        self.has_its_port = True

    @property
    def pid(self) -> int:
        """Its number among those that were started."""
        return self._pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return not self._code.done()

    def end(self, code: int) -> None:
        """Let it end."""
        if self.running:
            self._code.set_result(code)

    def when_ended(self, act: Callable[[], None]) -> None:
        """Call `act` once it has ended."""
        self._code.add_done_callback(lambda _: act())

    async def wait(self) -> int:
        """Its exit code."""
        return await asyncio.shield(self._code)

    def listens_on(self, port: int) -> bool:
        """What `has_its_port` says."""
        return self.has_its_port

    def send(self, number: signal.Signals) -> None:
        """Note the signal, and end by it unless deaf to it."""
        if not self.running:
            return
        self.signals.append(number)
        if number is signal.SIGKILL or not self._deaf:
            self.end(-number)


class FakeSpawner:
    """Starts fake processes with the ids 1, 2, 3...; `lives_s` are how long the first of them live by themselves."""

    def __init__(self, lives_s: Sequence[float] = (), *, deaf: bool = False, exit_code: int = 1) -> None:
        self._lives_s = list(lives_s)
        self._deaf = deaf
        self._exit_code = exit_code
        self.started: list[FakeProcess] = []
        self.started_at_s: list[float] = []
        self.commands: list[tuple[str, ...]] = []

    @contextlib.asynccontextmanager
    async def __call__(
        self, command: Sequence[str], environment: Mapping[str, str], on_line: LineSink
    ) -> AsyncIterator[FakeProcess]:
        """Start one."""
        loop = asyncio.get_running_loop()
        process = FakeProcess(len(self.started) + 1, on_line, deaf=self._deaf)
        self.started.append(process)
        self.started_at_s.append(loop.time())
        self.commands.append(tuple(command))
        timer = loop.call_later(self._lives_s.pop(0), process.end, self._exit_code) if self._lives_s else None
        try:
            yield process
        finally:
            if timer is not None:
                timer.cancel()
            process.end(-signal.SIGKILL)


class RecordingObserver:
    """Remembers what happened, in order, as short sentences."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def ready(self, service: Service, pid: int, took_s: float) -> None:
        """The service answers."""
        self.said.append(f"{service.name} {pid} ready")

    def died(self, service: Service, pid: int, reason: str, restart_in_s: float | None) -> None:
        """The service ended by itself."""
        after = "given up" if restart_in_s is None else f"again in {restart_in_s:g} s"
        self.said.append(f"{service.name} {pid} {reason}, {after}")

    def output(self, service: Service, line: str) -> None:
        """A line that the service wrote."""
        self.said.append(f"{service.name}: {line}")
