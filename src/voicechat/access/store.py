"""Where keys are kept, as those who read and change them meet it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol

from voicechat.access.keys import ApiKey


class KeyStoreError(Exception):
    """Keys cannot be read or changed; the text says why and what to do."""


class KeyStore(Protocol):
    """Keys that outlive a process. Every call raises `KeyStoreError` when the store cannot be used."""

    @property
    def place(self) -> str:
        """Where the keys are, for people."""

    async def version(self) -> Hashable:
        """Changes whenever the keys do; cheap enough to be asked every second. None: there are none."""

    async def read(self) -> Sequence[ApiKey]:
        """Every key that was ever made, revoked ones included."""

    async def add(self, key: ApiKey) -> None:
        """Keep a key. Raises `KeyStoreError` when a key in force has the same name."""

    async def revoke(self, name_or_id: str, now_s: float) -> ApiKey:
        """Put a key out of force; returns it. Raises `KeyStoreError` when none in force is called that."""

    async def restore(self, keys: Sequence[ApiKey]) -> None:
        """Write `keys` into a store that has lost everything; one that holds keys stays as it is."""

    async def aclose(self) -> None:
        """Release connections."""


def refuse_duplicate(key: ApiKey, keys: Sequence[ApiKey]) -> None:
    """Raise `KeyStoreError` when a key in force has `key`'s name."""
    if any(other.name == key.name and other.revoked_at is None for other in keys):
        raise KeyStoreError(f"a key named {key.name!r} is in force; revoke it first or choose another name")


def find_in_force(name_or_id: str, keys: Sequence[ApiKey]) -> ApiKey:
    """The key called `name_or_id`. Raises `KeyStoreError`, which names those there are."""
    in_force = [key for key in keys if key.revoked_at is None]
    for key in in_force:
        if name_or_id in (key.id, key.name):
            return key
    names = ", ".join(sorted(key.name for key in in_force)) or "none"
    raise KeyStoreError(f"no key in force is called {name_or_id!r}; there are: {names}")
