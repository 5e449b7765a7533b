"""`voicechat restore`: an installation as it was when it was backed up."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from voicechat.deployment.backup import FILES_DIRECTORY, MODEL_LIST, VOLUMES_DIRECTORY
from voicechat.deployment.layout import ENV_FILE, ENV_LINK, IMAGE, PRODUCT, SECRETS, DeploymentError
from voicechat.deployment.secret_files import PRIVATE_DIRECTORY

PIECE = 1 << 20


class Volumes(Protocol):
    """The part of `Engine` that a restore needs."""

    def users_of(self, volume: str) -> list[str]:
        """Names of the containers that have a volume, those that do not run included."""

    def make_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """An empty volume, whatever one of that name held before."""

    def write_volume(self, name: str, image: str, archive: Iterable[bytes]) -> None:
        """Put what a backup holds of a volume into it."""


def restore(archive: Path, directory: Path, volumes: Volumes) -> list[str]:
    """Put the files and volumes of a backup where they were; returns the models that were there.

    Raises `DeploymentError`, before anything is changed, for what is no backup and for volumes in use.
    """
    with tempfile.TemporaryDirectory(dir=directory, prefix=".restore-") as staging:
        unpacked = Path(staging)
        _unpack(archive, unpacked)
        saved = sorted((unpacked / VOLUMES_DIRECTORY).glob("*"))
        for path in saved:
            _check_unused(path.name, volumes)
        for path in saved:
            volumes.make_volume(path.name, _labels(path.name))
            volumes.write_volume(path.name, IMAGE, _pieces(path))
        shutil.copytree(unpacked / FILES_DIRECTORY, directory, dirs_exist_ok=True)
        models = unpacked / MODEL_LIST
        found = models.read_text().split() if models.exists() else []
    (directory / SECRETS).chmod(PRIVATE_DIRECTORY)
    link = directory / ENV_LINK
    if not link.exists():
        link.symlink_to(ENV_FILE)
    return found


def _unpack(archive: Path, target: Path) -> None:
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(target, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise DeploymentError(f"{archive} cannot be read as a backup ({error}): name a file of backups/") from error
    if not (target / FILES_DIRECTORY / ENV_FILE).exists():
        raise DeploymentError(f"{archive} is no backup: it holds no {FILES_DIRECTORY}/{ENV_FILE}")


def _check_unused(volume: str, volumes: Volumes) -> None:
    if users := volumes.users_of(volume):
        stop = "docker compose -f docker-compose.prod.yml down, and the same for docker-compose.monitoring.yml"
        raise DeploymentError(f"{volume} is in use by {', '.join(users)}: stop the containers first ({stop})")


def _labels(volume: str) -> dict[str, str]:
    """What makes a volume Compose's own."""
    project, _, name = volume.rpartition("_")
    return {"com.docker.compose.project": project or PRODUCT, "com.docker.compose.volume": name}


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
