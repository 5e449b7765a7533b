"""Where benchmarks keep what they make: logs, and what peers make of a voice."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from voicechat.bench.systems.peers import PeerHouse, peers_python
from voicechat.bench.systems.port import BenchError
from voicechat.models.store import ModelStore
from voicechat.settings import Settings


def scratch() -> Path:
    """A directory in the user's cache."""
    directory = platformdirs.user_cache_path("voicechat") / "bench"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def voice_file(settings: Settings) -> Path:
    """The .onnx file of the voice that is measured. Raises `ModelError` or `BenchError`."""
    model_id = settings.tts.default_model
    files = sorted(ModelStore(settings.models.directory).require(model_id).glob("*.onnx"))
    if len(files) != 1:
        raise BenchError(f"{model_id} is not a Piper voice: choose one with --set tts.default_model=ID")
    return files[0]


def house(settings: Settings) -> PeerHouse:
    """Peers that speak with the same voice. Raises as `peers_python` and `voice_file`."""
    return PeerHouse(peers_python(), voice_file(settings), scratch())
