"""The keys as this process knows them: read again when they change, kept while their store is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress

import structlog

from voicechat.access.denial import AccessDenied, Reason
from voicechat.access.keys import ApiKey, digest_of, key_id_of
from voicechat.access.store import KeyStore, KeyStoreError

log = structlog.get_logger(__name__)

REFRESH_S = 1.0
"""How often the store is asked for changes: a revoked key is out of force this soon."""


class KeyRing:
    """Recognises tokens. `clock` gives seconds since the epoch."""

    def __init__(self, store: KeyStore, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._keys: Mapping[str, ApiKey] = {}
        self._version: Hashable = None
        self._is_known = False
        self._was_away = False
        self._changed = asyncio.Event()

    @property
    def place(self) -> str:
        """Where the keys are kept."""
        return self._store.place

    @property
    def in_force(self) -> int:
        """How many keys could be used now."""
        return sum(_fault(key, self._clock()) is None for key in self._keys.values())

    async def watch(self) -> None:
        """Follow the store until cancelled."""
        while True:
            with suppress(KeyStoreError):
                await self.refresh()
            await asyncio.sleep(REFRESH_S)

    async def refresh(self) -> None:
        """See whether the keys have changed. Raises `KeyStoreError`; what was known stays."""
        try:
            await self._refresh()
        except KeyStoreError as error:
            if not self._was_away:
                log.error("keys cannot be read", reason=str(error), known=len(self._keys))
            self._was_away = True
            raise
        self._was_away = False

    async def _refresh(self) -> None:
        version = await self._store.version()
        if version is None and self._keys:
            await self._store.restore(list(self._keys.values()))
            version = await self._store.version()
        if self._is_known and version == self._version:
            return
        keys, had = await self._store.read(), bool(self._keys)
        self._keys = {key.id: key for key in keys}
        self._version, self._is_known = version, True
        self._changed.set()
        self._changed = asyncio.Event()
        if had or keys:
            log.info("keys read", place=self._store.place, in_force=self.in_force)

    def find(self, token: str) -> ApiKey:
        """The key of `token`. Raises `AccessDenied`."""
        key = self._keys.get(key_id_of(token) or "")
        if key is None or not key.matches(token):
            if key is None:
                digest_of(token)  # An id that exists takes no longer than one that does not.
            raise self._unrecognised()
        self.check(key.id)
        return key

    def get(self, key_id: str) -> ApiKey | None:
        """The key with this id, in force or not."""
        return self._keys.get(key_id)

    def check(self, key_id: str) -> None:
        """Raise `AccessDenied` unless the key is in force."""
        key = self._keys.get(key_id)
        if key is None:
            raise self._unrecognised()
        if fault := _fault(key, self._clock()):
            raise fault

    async def until_out_of_force(self, key_id: str) -> AccessDenied:
        """Return when the key ceases to be in force, with the reason."""
        while True:
            try:
                self.check(key_id)
            except AccessDenied as denied:
                return denied
            expires_at, changed = self._keys[key_id].expires_at, self._changed
            with suppress(TimeoutError):
                async with asyncio.timeout(None if expires_at is None else expires_at - self._clock()):
                    await changed.wait()

    def _unrecognised(self) -> AccessDenied:
        if not self._is_known:
            message = "the keys cannot be read at the moment; try again in a few seconds"
            return AccessDenied(Reason.KEYS_UNKNOWN, message, retry_after_s=REFRESH_S)
        return AccessDenied(
            Reason.WRONG_KEY, "the API key is not known here; `voicechat keys list` shows those that are"
        )


def _fault(key: ApiKey, now_s: float) -> AccessDenied | None:
    """Why a key cannot be used, or None."""
    if key.revoked_at is not None:
        return AccessDenied(Reason.REVOKED_KEY, f"the API key {key.name!r} was revoked; ask for another")
    if key.has_expired(now_s):
        return AccessDenied(Reason.EXPIRED_KEY, f"the API key {key.name!r} has expired; ask for another")
    return None
