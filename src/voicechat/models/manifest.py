"""The record, beside a model's files, of what the first pull brought."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from voicechat.models.errors import ModelError
from voicechat.models.files import write_atomically

MANIFEST = "manifest.json"


def read_digests(directory: Path) -> dict[str, str]:
    """Digests by file name; empty where nothing was recorded.

    Raises:
        ModelError: The record cannot be read.
    """
    path = directory / MANIFEST
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): str(digest) for name, digest in document["sha256"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(f"{path} is damaged ({error}); remove it and pull the model again") from error


def record_digests(directory: Path, model_id: str, digests: Mapping[str, str]) -> None:
    """Adds digests to the record."""
    merged = dict(sorted({**read_digests(directory), **digests}.items()))
    write_atomically(directory / MANIFEST, json.dumps({"model": model_id, "sha256": merged}, indent=2) + "\n")
