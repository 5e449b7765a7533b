"""What the supervisor keeps alive, and the states a service passes through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class ServiceState(StrEnum):
    """Where a supervised service is in its life."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting"
    STOPPING = "stopping"
    FAILED = "failed"


LEGAL_MOVES: Mapping[ServiceState, frozenset[ServiceState]] = {
    ServiceState.STOPPED: frozenset({ServiceState.STARTING}),
    ServiceState.STARTING: frozenset(
        {ServiceState.READY, ServiceState.WAITING, ServiceState.STOPPING, ServiceState.FAILED}
    ),
    ServiceState.READY: frozenset({ServiceState.WAITING, ServiceState.STOPPING}),
    ServiceState.WAITING: frozenset({ServiceState.STARTING, ServiceState.STOPPED}),
    ServiceState.STOPPING: frozenset({ServiceState.STOPPED}),
    ServiceState.FAILED: frozenset(),
}


class IllegalMoveError(RuntimeError):
    """A service was moved to a state that cannot follow its own."""

    def __init__(self, name: str, old: ServiceState, new: ServiceState) -> None:
        super().__init__(f"service {name} cannot go from {old} to {new}")


class ServiceFailed(Exception):
    """A service does not start; the text says why, and where its log is."""


@dataclass(frozen=True, slots=True)
class Service:
    """A process to keep alive, answering on `host`:`port`.

    `is_ready` is asked every `probe_interval_s` until it says yes; it must answer or raise `OSError` within a second.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    host: str
    port: int
    is_ready: Callable[[], Awaitable[bool]]
    probe_interval_s: float = 0.1
    ready_timeout_s: float = 60.0
    stop_grace_s: float = 5.0
    max_failed_starts: int = 5

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"{self.host}:{self.port}"


class Observer(Protocol):
    """Is told what happens to services."""

    def ready(self, service: Service, pid: int, took_s: float) -> None:
        """The service answers."""

    def died(self, service: Service, pid: int, reason: str, restart_in_s: float | None) -> None:
        """The service ended by itself; None: it is not started again."""

    def output(self, service: Service, line: str) -> None:
        """A line that the service wrote."""
