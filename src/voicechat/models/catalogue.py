"""The models this version knows by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from voicechat.models.data.ears import EARS
from voicechat.models.data.minds import MINDS
from voicechat.models.data.turns import TURNS
from voicechat.models.data.voices import VOICES
from voicechat.models.entry import ModelEntry
from voicechat.models.errors import UnknownModelError

__all__ = ["CATALOGUE", "DEFAULT_MODELS", "UnknownModelError", "find_model"]

CATALOGUE: Mapping[str, ModelEntry] = MappingProxyType({entry.id: entry for entry in (*VOICES, *EARS, *MINDS, *TURNS)})
"""Every known model by its id, in the order of `models list`."""

DEFAULT_MODELS = ("piper-en-us-joe-medium", "whisper-tiny.en", "smollm2-135m-instruct", "smart-turn-v3.2")
"""What a conversation without keys or network needs: a voice, ears, a mind, and a judge of when a turn ends."""


def find_model(model_id: str) -> ModelEntry:
    """The entry named `model_id`.

    Raises:
        UnknownModelError: There is none; the error names the nearest.
    """
    entry = CATALOGUE.get(model_id)
    if entry is None:
        raise UnknownModelError(model_id, CATALOGUE)
    return entry
