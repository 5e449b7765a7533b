"""Client secrets: short-lived credentials for browsers, kept in memory."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

PREFIX = "ek_"
TTL_RANGE_S = (10, 7200)
"""The life a secret may be given, s."""
DEFAULT_TTL_S = 600
MAX_SECRETS = 10_000


class TooManySecretsError(Exception):
    """No more secrets can be held until some expire."""


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A credential, and the session that its bearer gets. `expires_at` is in seconds since the epoch."""

    value: str
    expires_at: int
    session: Mapping[str, Any]


class ClientSecrets:
    """Gives secrets out and recognises them until they expire. `clock` gives seconds since the epoch."""

    def __init__(self, clock: Callable[[], float], limit: int = MAX_SECRETS) -> None:
        self._clock = clock
        self._limit = limit
        self._secrets: OrderedDict[str, ClientSecret] = OrderedDict()

    def issue(self, session: Mapping[str, Any], ttl_s: int = DEFAULT_TTL_S) -> ClientSecret:
        """A new secret. Raises `TooManySecretsError`."""
        self._forget_expired()
        if len(self._secrets) >= self._limit:
            raise TooManySecretsError(
                f"{self._limit} client secrets are valid already; try again when some have expired"
            )
        secret = ClientSecret(PREFIX + secrets.token_urlsafe(24), int(self._clock()) + ttl_s, session)
        self._secrets[secret.value] = secret
        return secret

    def find(self, value: str) -> ClientSecret | None:
        """The secret, unless it is unknown or has expired."""
        secret = self._secrets.get(value)
        return secret if secret is not None and self._clock() < secret.expires_at else None

    def _forget_expired(self) -> None:
        now = self._clock()
        for value in [each.value for each in self._secrets.values() if each.expires_at <= now]:
            del self._secrets[value]
