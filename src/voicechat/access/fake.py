"""Fakes of this room's ports."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from voicechat.access.access import Access
from voicechat.access.client_secrets import ClientSecrets, MemorySecrets
from voicechat.access.keys import ApiKey
from voicechat.access.limits import MemoryLimiter
from voicechat.access.ring import KeyRing
from voicechat.access.store import KeyStoreError, find_in_force, refuse_duplicate
from voicechat.settings import AccessSettings


class FakeKeys:
    """A `KeyStore` in memory. While `away` is set, it cannot be used."""

    place = "memory"

    def __init__(self, *keys: ApiKey) -> None:
        self.keys = list(keys)
        self.changes = len(keys)
        self.away = False

    async def version(self) -> Hashable:
        """How often the keys have changed."""
        self._require()
        return self.changes or None

    async def read(self) -> Sequence[ApiKey]:
        """Every key."""
        self._require()
        return list(self.keys)

    async def add(self, key: ApiKey) -> None:
        """Keep a key."""
        self._require()
        refuse_duplicate(key, self.keys)
        self.keys.append(key)
        self.changes += 1

    async def revoke(self, name_or_id: str, now_s: float) -> ApiKey:
        """Put a key out of force."""
        self._require()
        key = find_in_force(name_or_id, self.keys)
        revoked = key.model_copy(update={"revoked_at": now_s})
        self.keys[self.keys.index(key)] = revoked
        self.changes += 1
        return revoked

    async def restore(self, keys: Sequence[ApiKey]) -> None:
        """Take `keys` where there are none."""
        self._require()
        if not self.changes:
            self.keys, self.changes = list(keys), 1

    async def aclose(self) -> None:
        """Nothing is held."""

    def lose(self) -> None:
        """Forget everything, as a server does that keeps nothing on disk."""
        self.keys, self.changes = [], 0

    def _require(self) -> None:
        if self.away:
            raise KeyStoreError("away")


async def fake_access(
    store: FakeKeys,
    *,
    keys_required: bool,
    clock: Callable[[], float] = lambda: 1000.0,
    settings: AccessSettings | None = None,
) -> tuple[Access, KeyRing]:
    """A door whose keys are those of `store` now, and its ring; everything else is in memory."""
    ring = KeyRing(store, clock)
    await ring.refresh()
    secrets = ClientSecrets(MemorySecrets(clock), clock)
    access = Access(settings or AccessSettings(), ring, secrets, MemoryLimiter(clock), keys_required=keys_required)
    return access, ring
