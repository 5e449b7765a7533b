"""A Whisper model in memory, as both of its engines use it."""

from __future__ import annotations

from pathlib import Path

from faster_whisper import WhisperModel

from voicechat.asr.engines.port import Placement
from voicechat.asr.port import UnknownLanguageError

BEAM = 5
"""faster-whisper's own. Measured: docs/guides/ears.md."""


def load_whisper(directory: Path, placement: Placement) -> WhisperModel:
    """Load the model in `directory`; nothing is fetched."""
    return WhisperModel(
        str(directory),
        device=placement.device,
        compute_type=placement.compute_type,
        cpu_threads=placement.threads,
        num_workers=1,
        local_files_only=True,
    )


def language_code(model: WhisperModel, name: str, language: str | None) -> str | None:
    """Whisper's code of a BCP 47 tag; None: to be detected. Raises `UnknownLanguageError`."""
    multilingual = bool(model.model.is_multilingual)
    code = (language or "auto").replace("_", "-").split("-")[0].lower()
    if code == "auto":
        return None if multilingual else "en"
    if code not in model.supported_languages:
        allowed = "auto or a language Whisper knows, such as en, de, zh" if multilingual else "en or auto"
        raise UnknownLanguageError(
            f"model {name} does not hear {language!r}: set ASR_LANGUAGE to {allowed}"
            + ("" if multilingual else ", or ASR_MODEL to one without .en in its name")
        )
    return code
