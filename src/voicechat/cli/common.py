"""What commands share: options, settings from all sources, and failures told in one sentence."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, ParamSpec, TypeVar

import typer

if TYPE_CHECKING:
    from voicechat.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

OK, FAILED, MISUSED, NOTHING_HEARD = 0, 1, 2, 3

Config = Annotated[Path | None, typer.Option("--config", help="YAML file with settings.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="SECTION.KEY=VALUE", help="Override one setting; may be repeated.", show_default=False
    ),
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Let everybody in who reaches a public address, without keys or secrets.")
]


def explained(command: Callable[P, R]) -> Callable[P, R]:
    """A command whose failures are one sentence on stderr; LOG_LEVEL=DEBUG shows where they came from."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except Exception as error:
            if os.environ.get("LOG_LEVEL", "").upper() == "DEBUG":
                raise
            _give_up(error)

    return run


def _give_up(error: Exception) -> NoReturn:
    from voicechat.audio.wav import AudioError
    from voicechat.settings import SettingsError

    ours = type(error).__module__.startswith("voicechat.")
    text = str(error) if ours else f"unexpected {type(error).__name__}: {error} (LOG_LEVEL=DEBUG shows where)"
    typer.echo(f"voicechat: {text}", err=True)
    raise typer.Exit(MISUSED if isinstance(error, SettingsError | AudioError) else FAILED)


def names(given: str) -> tuple[str, ...]:
    """Those of a list with commas."""
    return tuple(name.strip() for name in given.split(",") if name.strip())


def settings_of(config: Path | None, overrides: list[str] | None, options: dict[str, Any]) -> Settings:
    """Settings from the file, the environment and `--set`, and last from the options that were given."""
    from voicechat.settings import load_settings

    pairs = dict(_pair(given) for given in overrides or [])
    return load_settings(
        config, os.environ, pairs | {name: value for name, value in options.items() if value is not None}
    )


def client_key() -> str | None:
    """The key that our clients show to a server."""
    key = settings_of(None, None, {}).client.api_key
    return None if key is None else key.get_secret_value()


def _pair(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals or "." not in name:
        raise typer.BadParameter(f"--set takes SECTION.KEY=VALUE, such as llm.temperature=0, not {given!r}")
    return name.strip(), value
