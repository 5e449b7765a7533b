"""What the worker refuses, with the status that tells programs and the sentence that tells people."""

from __future__ import annotations

import grpc

MAX_TEXT_CHARS = 1000
"""Of a refusal: gRPC sends it as metadata, which clients bound at 8 KiB, and it may quote what was asked for."""


class Refusal(Exception):
    """A request that cannot be served. `retry_after_ms` says when it may be."""

    def __init__(self, code: grpc.StatusCode, text: str, retry_after_ms: int | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text if len(text) <= MAX_TEXT_CHARS else f"{text[:MAX_TEXT_CHARS]}…"
        self.retry_after_ms = retry_after_ms


def invalid(text: str) -> Refusal:
    """The request itself is wrong."""
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, text)


def exhausted(text: str, retry_after_ms: int) -> Refusal:
    """There is no room now."""
    return Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, text, retry_after_ms)


def draining() -> Refusal:
    """The process is about to end."""
    return Refusal(grpc.StatusCode.UNAVAILABLE, "this worker is draining and takes no new replies; ask another worker")
