"""Voices that somebody put into the model directory by hand: any `<id>/x.onnx` with `x.onnx.json` beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from voicechat.models.entry import UNKNOWN_LICENCE, Licence, ModelEntry, ModelFile, ModelFormat, ModelKind

_DIRECTORY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LICENCE = Licence(UNKNOWN_LICENCE, "your own file: its terms are between you and its maker", commercial=None)


def local_voices(directory: Path) -> Iterator[ModelEntry]:
    """The voices found under `directory`, sorted by id."""
    if not directory.is_dir():
        return
    for folder in sorted(directory.iterdir()):
        if (voice := local_voice(folder)) is not None:
            yield voice


def local_voice(folder: Path) -> ModelEntry | None:
    """The voice in `folder`, or None where there is none."""
    if not _DIRECTORY_NAME.fullmatch(folder.name) or not folder.is_dir():
        return None
    for model in sorted(folder.glob("*.onnx")):
        config = model.with_name(model.name + ".json")
        if config.is_file():
            return _entry(folder.name, model, config)
    return None


def _entry(model_id: str, model: Path, config: Path) -> ModelEntry:
    facts = _read_json(config)
    language = facts.get("language")
    code = language.get("code") if isinstance(language, dict) else None
    speakers = facts.get("num_speakers")
    return ModelEntry(
        id=model_id,
        kind=ModelKind.VOICE,
        format=ModelFormat.PIPER,
        languages=(str(code).replace("_", "-"),) if code else (),
        licence=_LICENCE,
        files=tuple(ModelFile(path.name, size_bytes=path.stat().st_size) for path in (model, config)),
        title="a voice of your own",
        speakers=speakers if isinstance(speakers, int) else 1,
    )


def _read_json(path: Path) -> dict[str, Any]:
    """The object in `path`; an empty one where it cannot be read, for the engine says it better when it loads."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
