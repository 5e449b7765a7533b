"""Keys in one JSON file of this machine, readable by its owner alone."""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
import tempfile
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from voicechat.access.keys import ApiKey
from voicechat.access.store import KeyStoreError, find_in_force, refuse_duplicate

OWNER_ONLY = 0o600
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int = 1
    keys: list[ApiKey] = []


class FileKeys:
    """A `KeyStore` in the file at `path`, replaced as a whole at every change.

    Its work is done beside the event loop.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def place(self) -> str:
        """The file."""
        return str(self._path)

    async def version(self) -> Hashable:
        """Which file it is, and when it was written."""
        return await asyncio.to_thread(self._version)

    async def read(self) -> Sequence[ApiKey]:
        """Every key of the file; none where there is no file."""
        return await asyncio.to_thread(self._read)

    async def add(self, key: ApiKey) -> None:
        """Keep a key."""
        await asyncio.to_thread(self._add, key)

    async def revoke(self, name_or_id: str, now_s: float) -> ApiKey:
        """Put a key out of force."""
        return await asyncio.to_thread(self._revoke, name_or_id, now_s)

    async def restore(self, keys: Sequence[ApiKey]) -> None:
        """A file that was deleted was deleted on purpose."""

    async def aclose(self) -> None:
        """Nothing is held."""

    def _version(self) -> Hashable:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from error
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _read(self) -> list[ApiKey]:
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & WRITABLE_BY_OTHERS:
                    raise KeyStoreError(f"others may write {self._path}, and so make keys: chmod 600 {self._path}")
                return _Document.model_validate_json(file.read()).keys
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unusable(error) from error
        except ValidationError as error:
            raise KeyStoreError(
                f"{self._path} is damaged ({error.errors()[0]['msg']}); restore it or remove it"
            ) from error

    def _add(self, key: ApiKey) -> None:
        with self._changing() as keys:
            refuse_duplicate(key, keys)
            keys.append(key)

    def _revoke(self, name_or_id: str, now_s: float) -> ApiKey:
        with self._changing() as keys:
            key = find_in_force(name_or_id, keys)
            revoked = key.model_copy(update={"revoked_at": now_s})
            keys[keys.index(key)] = revoked
        return revoked

    @contextmanager
    def _changing(self) -> Iterator[list[ApiKey]]:
        """The keys, written back at the end; who else changes them waits."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.with_name(f"{self._path.name}.lock").open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                keys = self._read()
                yield keys
                self._write(keys)
        except OSError as error:
            raise self._unusable(error) from error

    def _write(self, keys: list[ApiKey]) -> None:
        # mkstemp makes files that only their owner may read.
        number, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(number, "wb") as file:
                os.fchmod(file.fileno(), OWNER_ONLY)
                file.write(_Document(keys=keys).model_dump_json(indent=1).encode())
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def _unusable(self, error: OSError) -> KeyStoreError:
        reason = error.strerror or error
        return KeyStoreError(f"keys cannot be kept in {self._path} ({reason}); set access.keys_file to another file")
