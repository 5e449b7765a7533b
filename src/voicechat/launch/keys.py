"""The keys commands, as the terminal shows them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Collection
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from voicechat.access.build import key_store
from voicechat.access.keys import ApiKey, KeyLimits, Scope, make_key
from voicechat.access.store import KeyStore, KeyStoreError
from voicechat.settings import Settings

STYLES = {"in force": "green", "expired": "yellow", "revoked": "dim"}


def create_key(
    settings: Settings,
    name: str,
    scopes: Collection[Scope],
    *,
    days: float | None,
    limits: KeyLimits,
    as_json: bool,
) -> None:
    """Make a key and print its token, which cannot be shown again. Raises `KeyStoreError`."""
    asyncio.run(_create(key_store(settings), name, scopes, days, limits, as_json=as_json))


async def _create(
    store: KeyStore, name: str, scopes: Collection[Scope], days: float | None, limits: KeyLimits, *, as_json: bool
) -> None:
    now_s = time.time()
    expires_at = None if days is None else now_s + days * 86_400
    try:
        key, token = make_key(name, scopes, now_s, expires_at=expires_at, limits=limits)
    except ValueError as error:
        raise KeyStoreError(str(error)) from error
    try:
        await store.add(key)
    finally:
        await store.aclose()
    if as_json:
        print(json.dumps({"token": token, **_as_json(key, now_s)}))
        return
    # The token alone goes to the standard output: TOKEN=$(voicechat keys create phone)
    print(token)
    place = f"key {name} ({', '.join(sorted(key.scopes))}) is kept in {store.place}; its token is not shown again"
    Console(stderr=True, highlight=False).print(place, style="dim", soft_wrap=True)


def list_keys(settings: Settings, *, as_json: bool) -> None:
    """Print every key, revoked ones included. Raises `KeyStoreError`."""
    asyncio.run(_list(key_store(settings), as_json=as_json))


async def _list(store: KeyStore, *, as_json: bool) -> None:
    try:
        keys = await store.read()
    finally:
        await store.aclose()
    now_s = time.time()
    if as_json:
        print(json.dumps([_as_json(key, now_s) for key in keys]))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "name", "scopes", "created", "expires", "limits", "state"):
        table.add_column(heading, overflow="fold")
    for key in keys:
        state = _state(key, now_s)
        limits = ", ".join(f"{field} {value:g}" for field, value in key.limits.model_dump(exclude_none=True).items())
        scopes = ", ".join(sorted(key.scopes))
        shown = f"[{STYLES[state]}]{state}[/]"
        table.add_row(key.id, key.name, scopes, _day(key.created_at), _day(key.expires_at), limits, shown)
    console = Console()
    console.print(table)
    console.print(f"\n{store.place}", style="dim", soft_wrap=True)


def revoke_key(settings: Settings, name_or_id: str) -> None:
    """Put a key out of force. Raises `KeyStoreError`."""
    key = asyncio.run(_revoke(key_store(settings), name_or_id))
    text = f"key {key.name} ({key.id}) is out of force within seconds, also for conversations that it began"
    Console(highlight=False).print(text, soft_wrap=True)


async def _revoke(store: KeyStore, name_or_id: str) -> ApiKey:
    try:
        return await store.revoke(name_or_id, time.time())
    finally:
        await store.aclose()


def _state(key: ApiKey, now_s: float) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.has_expired(now_s) else "in force"


def _day(at_s: float | None) -> str:
    return "" if at_s is None else datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M")


def _as_json(key: ApiKey, now_s: float) -> dict[str, object]:
    return {
        **key.model_dump(mode="json", exclude={"digest", "scopes"}),
        "scopes": sorted(key.scopes),
        "state": _state(key, now_s),
    }
