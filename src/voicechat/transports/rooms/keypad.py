"""Keys of a telephone, gathered to a text that the mind and its functions understand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PAUSE_S = 2.0
"""A pause that ends what is being dialled."""
LAST_KEY = "#"
MAX_KEYS = 32


class Keypad:
    """Calls `on_keys` with the keys of one entry: up to #, a pause, or as many as are taken."""

    def __init__(self, on_keys: Callable[[str], None]) -> None:
        self._on_keys = on_keys
        self._keys = ""
        self._timer: asyncio.TimerHandle | None = None

    def press(self, key: str) -> None:
        """One more key."""
        self._keys += key
        self._stop_waiting()
        if key == LAST_KEY or len(self._keys) >= MAX_KEYS:
            self._enter()
        else:
            self._timer = asyncio.get_running_loop().call_later(PAUSE_S, self._enter)

    def close(self) -> None:
        """Forget what was not entered."""
        self._stop_waiting()
        self._keys = ""

    def _enter(self) -> None:
        keys, self._keys = self._keys, ""
        self._on_keys(keys)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
