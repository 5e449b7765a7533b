"""Why somebody does not come in, each reason with its HTTP status and the code that OpenAI's clients read."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a request or a connection was refused: the label of `voicechat_admission_rejected_total`."""

    NO_KEY = "no_key"
    WRONG_KEY = "wrong_key"
    REVOKED_KEY = "revoked_key"
    EXPIRED_KEY = "expired_key"
    WRONG_SCOPE = "wrong_scope"
    CLIENT_SECRET = "client_secret"
    KEYS_UNKNOWN = "keys_unknown"
    RATE = "rate"
    CONCURRENCY = "concurrency"
    SESSIONS = "sessions"
    HOST = "host"
    ORIGIN = "origin"
    BODY_SIZE = "body_size"
    SLOW_HEADERS = "slow_headers"
    SLOW_BODY = "slow_body"
    CONNECTIONS = "connections"
    BUSY = "busy"


STATUS_AND_CODE: dict[Reason, tuple[int, str]] = {
    Reason.NO_KEY: (401, "missing_api_key"),
    Reason.WRONG_KEY: (401, "invalid_api_key"),
    Reason.REVOKED_KEY: (401, "revoked_api_key"),
    Reason.EXPIRED_KEY: (401, "expired_api_key"),
    Reason.WRONG_SCOPE: (403, "insufficient_scope"),
    Reason.CLIENT_SECRET: (401, "invalid_client_secret"),
    Reason.KEYS_UNKNOWN: (503, "keys_unknown"),
    Reason.RATE: (429, "rate_limit_exceeded"),
    Reason.CONCURRENCY: (429, "too_many_requests"),
    Reason.SESSIONS: (429, "too_many_sessions"),
}
"""Refusals of this room; those of HTTP itself have their status where they are made."""


class AccessDenied(Exception):
    """Somebody may not come in. The text goes to the client."""

    def __init__(self, reason: Reason, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS_AND_CODE[self.reason][0]

    @property
    def code(self) -> str:
        """The code of the error object."""
        return STATUS_AND_CODE[self.reason][1]
