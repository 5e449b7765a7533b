"""Volumes in memory, as the engine would hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


class FakeEngine:
    """`volumes` holds the archive of each; `users` the containers that have one."""

    def __init__(self, volumes: dict[str, bytes] | None = None, users: dict[str, list[str]] | None = None) -> None:
        self.volumes = volumes or {}
        self.users = users or {}
        self.labels: dict[str, dict[str, str]] = {}

    def has_volume(self, name: str) -> bool:
        return name in self.volumes

    def users_of(self, volume: str) -> list[str]:
        return self.users.get(volume, [])

    def names_in(self, volume: str, image: str) -> list[str]:
        return ["whisper-tiny.en", "piper-en-us-joe-medium"]

    def read_volume(self, name: str, image: str) -> Iterator[bytes]:
        content = self.volumes[name]
        yield content[:2]
        yield content[2:]

    def make_volume(self, name: str, labels: Mapping[str, str]) -> None:
        self.volumes[name] = b""
        self.labels[name] = dict(labels)

    def write_volume(self, name: str, image: str, archive: Iterable[bytes]) -> None:
        self.volumes[name] = b"".join(archive)
