"""API keys: what a key may do, how one is made, and how a token is recognised.

A token is 256 random bits, so nobody finds it by trying, and one round of SHA-256 at rest is enough: the slow hashes
made for passwords would add nothing but a way to keep the server busy.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

TOKEN_PREFIX = "vc-"
TOKEN_BYTES = 32
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_TOKEN = re.compile(r"vc-([0-9a-f]{12})-([A-Za-z0-9_-]{43})")


class Scope(StrEnum):
    """What a key opens."""

    SPEAK = "speak"
    LISTEN = "listen"
    CONVERSE = "converse"
    ADMIN = "admin"


class KeyLimits(BaseModel):
    """Bounds of one key; None: as the settings of `access` say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_minute: int | None = Field(None, ge=0)
    concurrent_requests: int | None = Field(None, ge=0)
    concurrent_sessions: int | None = Field(None, ge=0)
    session_s: float | None = Field(None, gt=0)


class ApiKey(BaseModel):
    """A key as it is stored: of its token, only the digest. Times are seconds since the epoch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    digest: str
    scopes: frozenset[Scope]
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    limits: KeyLimits = KeyLimits()

    def allows(self, scope: Scope) -> bool:
        """Whether the key opens `scope`; an admin's opens everything."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def has_expired(self, now_s: float) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now_s

    def matches(self, token: str) -> bool:
        """Whether `token` is this key's, compared in constant time."""
        return hmac.compare_digest(self.digest, digest_of(token))


def make_key(
    name: str,
    scopes: Collection[Scope],
    now_s: float,
    *,
    expires_at: float | None = None,
    limits: KeyLimits | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its token, which is nowhere kept. Raises `ValueError` for a name that cannot be used."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise ValueError(f"{name!r} is no name for a key; use up to 64 letters, digits, dots, dashes and underscores")
    key_id = secrets.token_hex(6)
    token = f"{TOKEN_PREFIX}{key_id}-{secrets.token_urlsafe(TOKEN_BYTES)}"
    key = ApiKey(
        id=key_id,
        name=name,
        digest=digest_of(token),
        scopes=frozenset(scopes),
        created_at=now_s,
        expires_at=expires_at,
        limits=limits or KeyLimits(),
    )
    return key, token


def key_id_of(token: str) -> str | None:
    """The id that a token names, or None where it is no token of ours."""
    found = _TOKEN.fullmatch(token)
    return found[1] if found else None


def digest_of(token: str) -> str:
    """SHA-256 of a token, hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
