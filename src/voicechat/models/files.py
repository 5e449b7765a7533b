"""Files that appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from voicechat.models.errors import DigestMismatchError, FetchError

try:
    import fcntl
except ImportError:  # pragma: no cover - no advisory locks on this system: pulls of two processes may meet
    fcntl = None  # type: ignore[assignment]


def sha256_of(path: Path) -> str:
    """Digest of the file's content, lower-case hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def part_of(destination: Path) -> Path:
    """Where a download of `destination` gathers until it is whole."""
    return destination.with_name(destination.name + ".part")


def seal(part: Path, destination: Path, *, size_bytes: int | None, sha256: str | None) -> str:
    """Checks `part` and moves it to `destination` in one step that survives a power cut.

    Returns:
        The digest of the content.

    Raises:
        FetchError: The size is wrong.
        DigestMismatchError: The content is. In both cases the part is gone, so that the next pull starts afresh.
    """
    digest = sha256_of(part)
    actual = part.stat().st_size
    if size_bytes is not None and actual != size_bytes:
        part.unlink()
        raise FetchError(f"{destination.name} came with {actual} bytes, expected {size_bytes}; pull again")
    if sha256 is not None and digest != sha256:
        part.unlink()
        raise DigestMismatchError(destination.name, sha256, digest, "it was discarded; its source has changed or lies")
    sync(part)
    part.replace(destination)
    sync(destination.parent)
    return digest


def write_atomically(destination: Path, text: str) -> None:
    """Replaces the file's content in one step."""
    part = part_of(destination)
    part.write_text(text, encoding="utf-8")
    sync(part)
    part.replace(destination)


def sync(path: Path) -> None:
    """Hands a file or directory over to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def file_lock(path: Path, *, on_wait: Callable[[], None]) -> Iterator[None]:
    """Holds `path` against other processes, calling `on_wait` if one has it; the system frees a dead holder's lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        if fcntl is None:  # pragma: no cover
            yield
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
