"""The door as the settings describe it: keys and counts in Redis where there is one, else in a file and in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import structlog
from platformdirs import user_config_path

from voicechat.access.access import Access
from voicechat.access.client_secrets import ClientSecrets, MemorySecrets, RedisSecrets, SecretStore
from voicechat.access.exposure import check_api, keys_required
from voicechat.access.file_store import FileKeys
from voicechat.access.limits import Limiter, MemoryLimiter
from voicechat.access.ring import KeyRing
from voicechat.access.store import KeyStore, KeyStoreError
from voicechat.settings import Settings

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = structlog.get_logger(__name__)

REDIS_TIMEOUT_S = 2.0


class _Closable(Protocol):
    async def aclose(self) -> None: ...


Part = TypeVar("Part", bound=_Closable)


@asynccontextmanager
async def open_access(settings: Settings) -> AsyncIterator[Access]:
    """The door of this process, kept up to date while the context lasts.

    Raises `ExposedError` where everybody could come in, and `KeyStoreError` where the file of keys cannot be used.
    """
    async with AsyncExitStack() as stack:
        ring = KeyRing(_entered(stack, key_store(settings)))
        await _first_look(settings, ring)
        stack.push_async_callback(_ended, asyncio.create_task(ring.watch(), name="keys"))
        secrets, limiter = await _shared(settings, stack)
        required = keys_required(settings)
        log.info("access", keys_required=required, keys_in_force=ring.in_force, keys_in=ring.place)
        yield Access(settings.access, ring, ClientSecrets(secrets, time.time), limiter, keys_required=required)


def key_store(settings: Settings) -> KeyStore:
    """Where the keys are: the file that is named, else Redis where there is one, else the user's own file."""
    if settings.access.keys_file is None and settings.redis.url is not None:
        from voicechat.access.redis_store import RedisKeys

        return RedisKeys(_redis(settings))
    return FileKeys(settings.access.keys_file or default_keys_file())


def default_keys_file() -> Path:
    """The file of keys of the user who runs us."""
    return user_config_path("voicechat") / "keys.json"


async def check_door(settings: Settings) -> None:
    """Raise `ExposedError` or `KeyStoreError` if the orchestrator would not start for want of keys."""
    async with AsyncExitStack() as stack:
        await _first_look(settings, KeyRing(_entered(stack, key_store(settings))))


async def _first_look(settings: Settings, ring: KeyRing) -> None:
    try:
        await ring.refresh()
    except KeyStoreError:
        # A Redis that is away comes back; until then, callers with keys are told to try again.
        if settings.access.keys_file is None and settings.redis.url is not None:
            return
        raise
    check_api(settings, ring.in_force)


async def _shared(settings: Settings, stack: AsyncExitStack) -> tuple[SecretStore, Limiter]:
    if settings.redis.url is None:
        return MemorySecrets(time.time), MemoryLimiter()
    from voicechat.access.redis_limits import RedisLimiter

    secrets = _entered(stack, RedisSecrets(_redis(settings)))
    limiter = _entered(stack, RedisLimiter(_redis(settings)))
    stack.push_async_callback(_ended, asyncio.create_task(limiter.renew(), name="leases"))
    return secrets, limiter


def _redis(settings: Settings) -> Redis:
    import redis.asyncio  # half a second that only those with Redis pay

    assert settings.redis.url is not None
    return redis.asyncio.from_url(
        settings.redis.url.get_secret_value(),
        socket_timeout=REDIS_TIMEOUT_S,
        socket_connect_timeout=REDIS_TIMEOUT_S,
    )


def _entered(stack: AsyncExitStack, part: Part) -> Part:
    """`part`, closed when the stack is."""
    stack.push_async_callback(part.aclose)
    return part


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
