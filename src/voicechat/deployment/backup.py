"""`voicechat backup`: all of an installation that cannot be made anew, in one archive."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from voicechat.deployment.layout import (
    BACKUPS,
    CERTIFICATES,
    ENV_FILE,
    IMAGE,
    MONITORING,
    PRODUCT,
    SECRETS,
    TEMPLATE,
    DeploymentError,
)

FILES = (
    "docker-compose*.yml",
    "Caddyfile",
    TEMPLATE,
    ENV_FILE,
    "configs",
    "deploy",
    "monitoring",
    CERTIFICATES,
    SECRETS,
)
VOLUMES = (
    f"{PRODUCT}_redis-data",
    f"{PRODUCT}_caddy-data",
    f"{MONITORING}_grafana-data",
    f"{MONITORING}_alertmanager-data",
)
METRICS = f"{MONITORING}_prometheus-data"
MODELS = f"{PRODUCT}_models"
"""Can be had again: its list is saved, not its files."""
FILES_DIRECTORY, VOLUMES_DIRECTORY, MODEL_LIST = "files", "volumes", "models.txt"
"""What an archive holds."""
SUFFIX = ".tar.gz"
PRIVATE = 0o600


class Volumes(Protocol):
    """The part of `Engine` that a backup needs."""

    def has_volume(self, name: str) -> bool:
        """Whether a volume is there."""

    def read_volume(self, name: str, image: str) -> Iterator[bytes]:
        """All files of a volume, as pieces of a tar archive."""

    def names_in(self, volume: str, image: str) -> list[str]:
        """What the top of a volume holds."""


def back_up(directory: Path, volumes: Volumes, now: datetime, *, metrics: bool) -> Path:
    """Write `backups/TIME.tar.gz`, whole or not at all; returns it.

    Containers may run meanwhile: Redis, Caddy, Grafana and Prometheus write files that can be read at any moment.
    Raises `DeploymentError` where there is no installation.
    """
    if not (directory / ENV_FILE).exists():
        raise DeploymentError(f"{directory} holds no {ENV_FILE}: run this where the installation is")
    backups = directory / BACKUPS
    backups.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=backups, prefix=".new-") as staging:
        archive = Path(staging, "archive")
        with tarfile.open(archive, "w:gz") as tar:
            _add_files(tar, directory)
            _add_volumes(tar, volumes, Path(staging), (*VOLUMES, METRICS) if metrics else VOLUMES)
        archive.chmod(PRIVATE)
        return archive.rename(backups / f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}{SUFFIX}")


def forget_old(directory: Path, now: datetime, days: int) -> list[Path]:
    """Remove backups that are older than that; returns those."""
    oldest = (now - timedelta(days=days)).timestamp()
    old = [path for path in (directory / BACKUPS).glob(f"*{SUFFIX}") if path.stat().st_mtime < oldest]
    for path in old:
        path.unlink()
    return old


def _add_files(tar: tarfile.TarFile, directory: Path) -> None:
    for pattern in FILES:
        for path in sorted(directory.glob(pattern)):
            tar.add(path, f"{FILES_DIRECTORY}/{path.name}")


def _add_volumes(tar: tarfile.TarFile, volumes: Volumes, staging: Path, names: Iterable[str]) -> None:
    for name in names:
        if volumes.has_volume(name):
            saved = staging / name
            _save(saved, volumes.read_volume(name, IMAGE))
            tar.add(saved, f"{VOLUMES_DIRECTORY}/{name}")
            saved.unlink()
    if volumes.has_volume(MODELS):
        listed = staging / MODEL_LIST
        listed.write_text("".join(f"{name}\n" for name in volumes.names_in(MODELS, IMAGE)))
        tar.add(listed, MODEL_LIST)


def _save(path: Path, pieces: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece)
