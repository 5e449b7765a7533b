"""The secrets of an installation: a file each, mounted into the containers that need it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voicechat.deployment.layout import SECRETS

READABLE = 0o444
"""Containers of several users read them; the directory keeps this machine's other users out."""
PRIVATE_DIRECTORY = 0o700


@dataclass(frozen=True, slots=True)
class Secret:
    """A file of `secrets/`. `random_bytes` of 0: somebody else gives it, and empty means that there is none."""

    name: str
    random_bytes: int = 0
    variable: str | None = None
    """Where people are used to write it instead, in `.env.prod`."""


KNOWN = (
    Secret("redis_password", 32),
    Secret("grpc_secret", 32),
    Secret("livekit_api_secret", 32, "LIVEKIT_API_SECRET"),
    Secret("openai_api_key", variable="OPENAI_API_KEY"),
    Secret("grafana_admin_password", 16),
    Secret("alert_webhook_token", 32),
    Secret("pagerduty_routing_key"),
    Secret("slack_webhook_url"),
)
REDIS_URL = "redis_url"
"""Made of `redis_password`, for clients."""
NAMES = (*(secret.name for secret in KNOWN), REDIS_URL)


def make_secrets(directory: Path) -> Iterator[Path]:
    """Write the files that are missing, with random values; yields them. `directory` is that of the installation."""
    folder = directory / SECRETS
    folder.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
    for secret in KNOWN:
        yield from _made(folder / secret.name, secrets.token_hex(secret.random_bytes) if secret.random_bytes else "")
    password = (folder / "redis_password").read_text()
    yield from _made(folder / REDIS_URL, f"redis://:{password}@redis:6379/0")


def put_secret(directory: Path, name: str, value: str) -> Path:
    """Give a secret its value, whatever it was; returns its file."""
    path = directory / SECRETS / name
    path.unlink(missing_ok=True)
    path.write_text(value)
    path.chmod(READABLE)
    return path


def _made(path: Path, value: str) -> Iterator[Path]:
    if not path.exists():
        yield put_secret(path.parent.parent, path.name, value)
