"""What can go wrong with models, each as one sentence that says what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class ModelError(Exception):
    """Any failure to find, fetch or trust a model."""


class UnknownModelError(ModelError):
    """No model has this id."""

    def __init__(self, model_id: str, known: Iterable[str]) -> None:
        self.model_id = model_id
        ids = sorted(known)
        self.nearest = _nearest(model_id, ids)
        hint = f"the nearest are {', '.join(self.nearest)}" if self.nearest else f"known are {', '.join(ids)}"
        super().__init__(f"unknown model {model_id!r}: {hint}")


class ModelMissingError(ModelError):
    """The model is known, but its files are not here."""

    def __init__(self, model_id: str, directory: Path, files: Iterable[str]) -> None:
        self.model_id = model_id
        self.directory = directory
        self.files = tuple(files)
        super().__init__(
            f"model {model_id!r} is not installed ({', '.join(self.files)} missing or incomplete in {directory}); "
            f"fetch it with: voicechat models pull {model_id}"
        )


class DigestMismatchError(ModelError):
    """A file is not what the catalogue, or the first pull, says it is."""

    def __init__(self, what: str, expected: str, actual: str, remedy: str) -> None:
        self.expected = expected
        self.actual = actual
        super().__init__(f"{what} has sha256 {actual}, expected {expected}; {remedy}")


class FetchError(ModelError):
    """A file could not be fetched."""


class DiskFullError(ModelError):
    """There is not enough room for the model."""

    def __init__(self, model_id: str, directory: Path, needed_bytes: int, free_bytes: int) -> None:
        super().__init__(
            f"model {model_id!r} needs {needed_bytes / 1e6:.0f} MB in {directory}, where {free_bytes / 1e6:.0f} MB are "
            "free; make room or set VOICECHAT_MODELS to another directory"
        )


def _nearest(model_id: str, ids: list[str]) -> tuple[str, ...]:
    """At most three ids like `model_id`, as a whole or in one of their parts ("lesac" means a lessac voice)."""
    scores = {known: _likeness(model_id.lower(), known) for known in ids}
    return tuple(sorted((known for known in ids if scores[known] > 0.6), key=lambda known: -scores[known])[:3])


def _likeness(wanted: str, known: str) -> float:
    whole = difflib.SequenceMatcher(None, wanted, known).ratio()
    return max(whole, *(0.95 * difflib.SequenceMatcher(None, wanted, part).ratio() for part in known.split("-")))
