"""Becomes a command that may use some cores only: `python -m voicechat.bench.pinned CORE[,CORE...] PROGRAM [...]`."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from voicechat.bench.systems.port import BenchError


def on_cores(command: tuple[str, ...], cores: Collection[int]) -> tuple[str, ...]:
    """`command` bound to `cores`; anywhere if none are named."""
    if not cores:
        return command
    return (sys.executable, "-m", "voicechat.bench.pinned", ",".join(map(str, sorted(cores))), *command)


@contextmanager
def staying_on(cores: Collection[int]) -> Iterator[None]:
    """Bind this process, with the threads it starts, to `cores`; anywhere if none are named."""
    before = affinity()
    if cores:
        bind(cores)
    try:
        yield
    finally:
        if cores:
            bind(before)


def affinity() -> set[int]:
    """Cores that this process may use."""
    return set(os.sched_getaffinity(0)) if sys.platform == "linux" else set(range(os.cpu_count() or 1))


def bind(cores: Collection[int]) -> None:
    """Use `cores` only. Raises `BenchError` where that cannot be had."""
    if sys.platform != "linux":
        raise BenchError("processes can be bound to cores on Linux only: measure there, or without --pin")
    try:
        os.sched_setaffinity(0, cores)
    except OSError as error:
        usable = ", ".join(map(str, sorted(affinity())))
        raise BenchError(f"cores {sorted(cores)} cannot be used here; usable are {usable}") from error


def main() -> None:
    """Bind, then become the command."""
    bind({int(core) for core in sys.argv[1].split(",")})
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
