"""What can go wrong for someone who talks to a server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class ClientError(Exception):
    """The conversation cannot be held or went on no longer; the text says what to do."""


class RefusedError(ClientError):
    """The server takes no conversation just now; `code` is its reason, for programs."""

    def __init__(self, code: str | None, message: str) -> None:
        super().__init__(message)
        self.code = code


@contextlib.contextmanager
def one_error() -> Iterator[None]:
    """Raise the first of several errors that tasks of a group ended with."""
    try:
        yield
    except BaseExceptionGroup as errors:
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None
