"""Models that the owner adds: `catalogue.yaml` in the model directory.

    my-voice:
      kind: voice
      format: piper
      languages: [en-GB]
      licence: {spdx: CC-BY-4.0}
      files:
        - name: my-voice.onnx
          source: {url: "http://files.example/my-voice.onnx"}
          sha256: 58afce03...
        - name: my-voice.onnx.json
          source: {path: /srv/voices/my-voice.onnx.json}

A source is `{url}`, `{path}`, `{repository, path, revision}` on the hub, or `{wheel: {...}, member}`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from voicechat.models.entry import MODEL_ID, ModelEntry
from voicechat.models.errors import ModelError

OWN_CATALOGUE = "catalogue.yaml"
_SOURCES = "{url}, {path}, {repository, path} with or without {revision}, or {wheel, member}"
_ENTRY: TypeAdapter[ModelEntry] = TypeAdapter(ModelEntry)


def own_entries(directory: Path) -> dict[str, ModelEntry]:
    """The owner's entries by id; none where there is no file.

    Raises:
        ModelError: The file cannot be understood; the error names the model and the field.
    """
    path = directory / OWN_CATALOGUE
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ModelError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise ModelError(f"{path} must map model ids to what they are")
    return {str(model_id): _entry(path, str(model_id), facts) for model_id, facts in document.items()}


def _entry(path: Path, model_id: str, facts: Any) -> ModelEntry:
    if not MODEL_ID.fullmatch(model_id):
        raise ModelError(f"{path}: model id {model_id!r} may hold lower-case letters, digits, '.', '_' and '-' only")
    if not isinstance(facts, dict):
        raise ModelError(f"{path}: {model_id} must say kind, format, languages, licence and files")
    try:
        return _ENTRY.validate_python({**facts, "id": model_id})
    except ValidationError as error:
        raise ModelError(f"{path}: {model_id}: {_explain(error)}") from error


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if ".source." in place:
        return f"{place.partition('.source.')[0]}.source: must be {_SOURCES}"
    return f"{place}: {first['msg']}"
