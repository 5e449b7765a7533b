"""A bound on how much of something is done at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from voicechat.api.errors import ApiError

RETRY_AFTER_S = 5.0


class Places:
    """At most `most` at a time; `what` and `setting` are for the refusal."""

    def __init__(self, most: int, what: str, setting: str) -> None:
        self._most = most
        self._what = what
        self._setting = setting
        self._taken = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a place. Raises `ApiError` when there is none: nobody waits in an invisible queue."""
        if self._taken >= self._most:
            message = f"{self._most} {self._what} already ({self._setting}); try again in a few seconds"
            raise ApiError(429, message, code="too_many_requests", retry_after_s=RETRY_AFTER_S)
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
