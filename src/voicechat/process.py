"""What every process of ours does alike: it ends when it is told to, and no listener waits for its collector."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` when the process is asked to end. Must be entered on the main thread's event loop."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def spare_what_stays() -> None:
    """Take what exists now out of the garbage collector's sight; call it once everything is loaded.

    A full collection looks at every object and lets no thread run meanwhile. With the objects of models and libraries
    that is a quarter of a second on a quiet machine, again and again, and each time a gap for everybody who listens.
    """
    gc.collect()
    gc.freeze()
    # When the next full collection is due depends on how much the last one left.
    gc.collect()
