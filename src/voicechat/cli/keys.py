"""`voicechat keys`: who may come in."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from voicechat.cli.common import Config, Overrides, explained, settings_of

app = typer.Typer(no_args_is_help=True, help="API keys: who may come in, and for what.")


class Scope(StrEnum):
    """Values of --scope; those of a key."""

    SPEAK = "speak"
    LISTEN = "listen"
    CONVERSE = "converse"
    ADMIN = "admin"


@app.command("create")
@explained
def keys_create(
    name: Annotated[str, typer.Argument(help="Who will use it, such as phone or backend-2.")],
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="What it opens; may be repeated.  [default: speak, listen, converse]", show_default=False),
    ] = None,
    days: Annotated[float | None, typer.Option(min=0, help="Life, days.", show_default=False)] = None,
    requests_per_minute: Annotated[int | None, typer.Option(min=0, show_default=False)] = None,
    concurrent_requests: Annotated[int | None, typer.Option(min=0, show_default=False)] = None,
    concurrent_sessions: Annotated[int | None, typer.Option(min=0, show_default=False)] = None,
    session_seconds: Annotated[
        float | None, typer.Option(min=1, help="Longest conversation, s.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Make a key. Its token is printed once and kept nowhere."""
    from voicechat.access import keys
    from voicechat.launch.keys import create_key

    limits = keys.KeyLimits(
        requests_per_minute=requests_per_minute,
        concurrent_requests=concurrent_requests,
        concurrent_sessions=concurrent_sessions,
        session_s=session_seconds,
    )
    scopes = [keys.Scope(each) for each in scope or (Scope.SPEAK, Scope.LISTEN, Scope.CONVERSE)]
    create_key(settings_of(config, overrides, {}), name, scopes, days=days, limits=limits, as_json=as_json)


@app.command("list")
@explained
def keys_list(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Show every key, never its token."""
    from voicechat.launch.keys import list_keys

    list_keys(settings_of(config, overrides, {}), as_json=as_json)


@app.command("revoke")
@explained
def keys_revoke(
    key: Annotated[str, typer.Argument(metavar="NAME|ID", help="The key.")],
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Put a key out of force, at once and for good."""
    from voicechat.launch.keys import revoke_key

    revoke_key(settings_of(config, overrides, {}), key)
