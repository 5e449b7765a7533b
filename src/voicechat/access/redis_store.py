"""Keys in Redis, so that every orchestrator sees the same."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from voicechat.access.keys import ApiKey
from voicechat.access.store import KeyStoreError, find_in_force, refuse_duplicate

if TYPE_CHECKING:
    from redis.asyncio import Redis

KEYS = "voicechat:keys"
"""Hash: id to the key's JSON."""
VERSION = "voicechat:keys:version"
"""Counts the changes."""
RESTORE = """
if redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('HSET', KEYS[1], unpack(ARGV))
  redis.call('SET', KEYS[2], 1)
end
"""


class RedisKeys:
    """A `KeyStore` on `client`, which it closes at its end."""

    def __init__(self, client: Redis) -> None:
        self._client: Any = client  # redis-py's commands are typed for both of its clients at once

    @property
    def place(self) -> str:
        """The server."""
        return "Redis"

    async def version(self) -> Hashable:
        """How often the keys have changed."""
        with _explained():
            counted: bytes | None = await self._client.get(VERSION)
        return counted

    async def read(self) -> Sequence[ApiKey]:
        """Every key."""
        with _explained():
            stored = await self._client.hvals(KEYS)
            return sorted(map(ApiKey.model_validate_json, stored), key=lambda key: key.created_at)

    async def add(self, key: ApiKey) -> None:
        """Keep a key."""
        await self._change(lambda keys: _checked(key, keys))

    async def revoke(self, name_or_id: str, now_s: float) -> ApiKey:
        """Put a key out of force."""
        return await self._change(lambda keys: find_in_force(name_or_id, keys).model_copy(update={"revoked_at": now_s}))

    async def restore(self, keys: Sequence[ApiKey]) -> None:
        """Write `keys` back after a restart that forgot them. Of several orchestrators, one writes."""
        fields = [text for key in keys for text in (key.id, key.model_dump_json())]
        with _explained():
            await self._client.eval(RESTORE, 2, KEYS, VERSION, *fields)

    async def aclose(self) -> None:
        """Release the connections."""
        await self._client.aclose()

    async def _change(self, make: Any) -> ApiKey:
        """Store what `make` returns for the keys there are; who else changes them meanwhile makes it begin again."""

        async def write(pipe: Any) -> ApiKey:
            keys = [ApiKey.model_validate_json(stored) for stored in await pipe.hvals(KEYS)]
            changed: ApiKey = make(keys)
            pipe.multi()
            pipe.hset(KEYS, changed.id, changed.model_dump_json())
            pipe.incr(VERSION)
            return changed

        with _explained():
            changed: ApiKey = await self._client.transaction(write, KEYS, value_from_callable=True)
        return changed


def _checked(key: ApiKey, keys: Sequence[ApiKey]) -> ApiKey:
    refuse_duplicate(key, keys)
    return key


@contextmanager
def _explained() -> Iterator[None]:
    from redis.exceptions import RedisError

    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise KeyStoreError(f"the keys are in Redis, which does not answer ({error}); see redis.url") from error
    except ValidationError as error:
        raise KeyStoreError(f"{KEYS} in Redis holds something that is no key ({error.errors()[0]['msg']})") from error
