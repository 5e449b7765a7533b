"""Models that judge whether a person has finished speaking."""

from __future__ import annotations

from voicechat.models.entry import Licence, ModelEntry, ModelFile, ModelFormat, ModelKind, Wheel, WheelSource

_PIPECAT_WHEEL = Wheel(
    package="pipecat-ai",
    version="1.14.0",
    sha256="0352f504b44e78bdf524e45af4bc759601c835b9b7dc195efe5e03384b974a44",
    size_bytes=12_109_725,
)

TURNS = (
    ModelEntry(
        id="smart-turn-v3.2",
        kind=ModelKind.TURN,
        format=ModelFormat.ONNX,
        languages=("mul",),
        licence=Licence("BSD-2-Clause"),
        title="Smart Turn 3.2, whether a person has finished, by the sound of it",
        files=(
            ModelFile(
                "smart-turn-v3.2-cpu.onnx",
                WheelSource(_PIPECAT_WHEEL, "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"),
                size_bytes=8_679_182,
                sha256="2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
            ),
        ),
    ),
)
