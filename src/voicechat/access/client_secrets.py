"""Client secrets: what a browser opens one kind of thing with, for minutes, in the name of the key that asked for it.

With Redis every orchestrator knows them. They are stored by digest: who reads the store cannot use them.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from voicechat.access.keys import digest_of

if TYPE_CHECKING:
    from redis.asyncio import Redis

PREFIX = "ek_"
TTL_RANGE_S = (10, 7200)
"""The life a secret may be given, s."""
DEFAULT_TTL_S = 600
MAX_SECRETS = 10_000
MAX_SESSION_CHARS = 65_536
DEADLINE_S = 1.0
REDIS_PREFIX = "voicechat:client_secret:"


class SecretStoreError(Exception):
    """Secrets can be neither kept nor found at the moment; the text says why."""


class TooManySecretsError(Exception):
    """No more secrets can be held until some expire."""


class SessionTooLargeError(Exception):
    """A session is too long to be kept with its secret."""


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A credential, the session that its bearer gets, and the key it stands for (None where no key was needed).

    `expires_at` is in seconds since the epoch.
    """

    value: str
    expires_at: int
    session: Mapping[str, Any]
    key_id: str | None = None


class SecretStore(Protocol):
    """Keeps texts for a time."""

    async def put(self, digest: str, record: str, expires_at: int) -> None:
        """Keep `record`. Raises `TooManySecretsError` or `SecretStoreError`."""

    async def get(self, digest: str) -> str | None:
        """The record, unless it is unknown or its time is over. Raises `SecretStoreError`."""


class ClientSecrets:
    """Gives secrets out and recognises them until they expire. `clock` gives seconds since the epoch."""

    def __init__(self, store: SecretStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def issue(
        self, session: Mapping[str, Any], ttl_s: int = DEFAULT_TTL_S, key_id: str | None = None
    ) -> ClientSecret:
        """A new secret. Raises `TooManySecretsError`, `SessionTooLargeError` or `SecretStoreError`."""
        secret = ClientSecret(PREFIX + secrets.token_urlsafe(32), int(self._clock()) + ttl_s, session, key_id)
        record = json.dumps({"expires_at": secret.expires_at, "session": secret.session, "key_id": key_id})
        if len(record) > MAX_SESSION_CHARS:
            raise SessionTooLargeError(
                f"a session of {len(record)} characters is too long for a client secret, which keeps "
                f"{MAX_SESSION_CHARS}; send the rest with session.update"
            )
        await self._store.put(digest_of(secret.value), record, secret.expires_at)
        return secret

    async def find(self, value: str) -> ClientSecret | None:
        """The secret, unless it is unknown or has expired. Raises `SecretStoreError`."""
        record = await self._store.get(digest_of(value))
        if record is None:
            return None
        secret = ClientSecret(value=value, **json.loads(record))
        return secret if self._clock() < secret.expires_at else None


class MemorySecrets:
    """A `SecretStore` of this process."""

    def __init__(self, clock: Callable[[], float], limit: int = MAX_SECRETS) -> None:
        self._clock = clock
        self._limit = limit
        self._records: OrderedDict[str, tuple[str, int]] = OrderedDict()

    async def put(self, digest: str, record: str, expires_at: int) -> None:
        """Keep a record."""
        if len(self._records) >= self._limit:
            self._forget_expired()
        if len(self._records) >= self._limit:
            raise TooManySecretsError(
                f"{self._limit} client secrets are valid already; try again when some have expired"
            )
        self._records[digest] = (record, expires_at)

    async def get(self, digest: str) -> str | None:
        """The record."""
        record, expires_at = self._records.get(digest, (None, 0))
        return record if self._clock() < expires_at else None

    def _forget_expired(self) -> None:
        now = self._clock()
        for digest in [each for each, (_, expires_at) in self._records.items() if expires_at <= now]:
            del self._records[digest]


class RedisSecrets:
    """A `SecretStore` for several orchestrators, on `client`, which it closes."""

    def __init__(self, client: Redis) -> None:
        self._client: Any = client

    async def put(self, digest: str, record: str, expires_at: int) -> None:
        """Keep a record."""
        await self._ask(self._client.set(REDIS_PREFIX + digest, record, exat=expires_at))

    async def get(self, digest: str) -> str | None:
        """The record."""
        record: bytes | None = await self._ask(self._client.get(REDIS_PREFIX + digest))
        return record.decode() if record is not None else None

    async def aclose(self) -> None:
        """Release the connections."""
        await self._client.aclose()

    async def _ask(self, question: Any) -> Any:
        from redis.exceptions import RedisError

        try:
            async with asyncio.timeout(DEADLINE_S):
                return await question
        except (RedisError, OSError, TimeoutError) as error:
            raise SecretStoreError(
                "client secrets cannot be made or checked: Redis does not answer; try again"
            ) from error
