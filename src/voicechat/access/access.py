"""Who may come in: recognises callers, and bounds what each may use."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from voicechat.access.client_secrets import PREFIX as SECRET_PREFIX
from voicechat.access.client_secrets import ClientSecrets, SecretStoreError
from voicechat.access.denial import AccessDenied, Reason
from voicechat.access.keys import TOKEN_PREFIX, ApiKey, Scope
from voicechat.access.limits import Bounds, Limiter, bounds_of
from voicechat.access.ring import KeyRing
from voicechat.settings import AccessSettings

RETRY_WHEN_CROWDED_S = 1.0
HOW_TO_SEND = "send it as the header `Authorization: Bearer KEY`"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the key, None where none is needed; and the session that a client secret fixed."""

    key: ApiKey | None = None
    session: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key_id(self) -> str | None:
        """The id of the key."""
        return None if self.key is None else self.key.id


class Use(StrEnum):
    """What a place is taken for."""

    REQUEST = "requests"
    SESSION = "sessions"


class Access:
    """The door of one process. `ring` is kept up to date by whoever made it."""

    def __init__(
        self,
        settings: AccessSettings,
        ring: KeyRing,
        client_secrets: ClientSecrets,
        limiter: Limiter,
        *,
        keys_required: bool,
    ) -> None:
        self.client_secrets = client_secrets
        self._settings = settings
        self._ring = ring
        self._limiter = limiter
        self._keys_required = keys_required

    async def identify(self, credential: str | None, scope: Scope | None, *, takes_secrets: bool) -> Caller:
        """Who sends `credential`, if they may do what `scope` names (None: anything that a key opens).

        A key is checked wherever one is given, also where none is needed. `takes_secrets`: whether client secrets open
        what is asked for. Raises `AccessDenied`.
        """
        caller = await self._recognise(credential, takes_secrets=takes_secrets)
        if scope is not None and caller.key is not None and not caller.key.allows(scope):
            held = ", ".join(sorted(caller.key.scopes))
            message = f"this needs the scope {scope.value}; the API key {caller.key.name!r} has: {held}"
            raise AccessDenied(Reason.WRONG_SCOPE, message)
        return caller

    async def _recognise(self, credential: str | None, *, takes_secrets: bool) -> Caller:
        if credential and credential.startswith(SECRET_PREFIX):
            return await self._bearer_of_secret(credential, takes_secrets=takes_secrets)
        if credential and credential.startswith(TOKEN_PREFIX):
            return Caller(self._ring.find(credential))
        if not self._keys_required:
            return Caller()
        if credential:
            raise AccessDenied(Reason.WRONG_KEY, f"this is no API key of this server, which begin with {TOKEN_PREFIX}")
        raise AccessDenied(Reason.NO_KEY, f"an API key is needed: {HOW_TO_SEND}; `voicechat keys create` makes one")

    def holder(self, key_id: str | None) -> Caller:
        """The caller that a token of our own making stands for: a key's, or nobody's. Raises `AccessDenied`."""
        if key_id is None:
            return Caller()
        self._ring.check(key_id)
        return Caller(self._ring.get(key_id))

    async def _bearer_of_secret(self, credential: str, *, takes_secrets: bool) -> Caller:
        if not takes_secrets:
            raise AccessDenied(
                Reason.CLIENT_SECRET,
                f"a client secret opens conversations only; for this, use an API key: {HOW_TO_SEND}",
            )
        try:
            secret = await self.client_secrets.find(credential)
        except SecretStoreError as error:
            raise AccessDenied(Reason.KEYS_UNKNOWN, str(error), RETRY_WHEN_CROWDED_S) from error
        if secret is None or (secret.key_id is None and self._keys_required):
            message = "the client secret is unknown or expired; ask /v1/realtime/client_secrets for another"
            raise AccessDenied(Reason.CLIENT_SECRET, message)
        if secret.key_id is None:
            return Caller(session=secret.session)
        self._ring.check(secret.key_id)
        return Caller(self._ring.get(secret.key_id), secret.session)

    def bounds(self, key: ApiKey) -> Bounds:
        """The limits that hold for a key."""
        return bounds_of(key.limits, self._settings)

    @asynccontextmanager
    async def admitted(self, caller: Caller, use: Use) -> AsyncIterator[None]:
        """Count one use of the caller's key while the context lasts. Raises `AccessDenied` beyond its limits."""
        if caller.key is None:
            yield
            return
        bounds = self.bounds(caller.key)
        await self._take(caller.key, bounds)
        name, holder = f"{caller.key.id}:{use.value}", secrets.token_hex(8)
        most = bounds.concurrent_sessions if use is Use.SESSION else bounds.concurrent_requests
        if most and not await self._limiter.hold(name, holder, most):
            raise _crowded(caller.key, use, most)
        try:
            yield
        finally:
            if most:
                await asyncio.shield(self._limiter.release(name, holder))

    async def _take(self, key: ApiKey, bounds: Bounds) -> None:
        per_minute = bounds.requests_per_minute
        if per_minute and (wait_s := await self._limiter.take(f"{key.id}:rate", per_minute)):
            message = f"the API key {key.name!r} may make {per_minute} requests a minute; wait {wait_s:.1f} s"
            raise AccessDenied(Reason.RATE, message, retry_after_s=wait_s)

    async def until_ended(self, caller: Caller) -> tuple[str, str]:
        """Return when the caller's session must end, with a code and a sentence; may never return."""
        if caller.key is None:
            await asyncio.Event().wait()
        assert caller.key is not None
        session_s = self.bounds(caller.key).session_s
        try:
            async with asyncio.timeout(session_s):
                denied = await self._ring.until_out_of_force(caller.key.id)
        except TimeoutError:
            return "session_expired", f"sessions of the API key {caller.key.name!r} last {session_s:g} s; start another"
        return denied.code, str(denied)


def _crowded(key: ApiKey, use: Use, most: int) -> AccessDenied:
    message = f"the API key {key.name!r} may hold {most} {use.value} at once; end one or wait"
    reason = Reason.SESSIONS if use is Use.SESSION else Reason.CONCURRENCY
    return AccessDenied(reason, message, retry_after_s=RETRY_WHEN_CROWDED_S)
