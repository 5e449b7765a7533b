"""The parts of a voice's graph, ready to run: cut, checked and optimized once, and kept beside the model."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import structlog

from voicechat.models.files import sha256_of
from voicechat.tts.engines.piper import graph
from voicechat.tts.engines.piper.decoder import FRONT_MARGINS, TOLERANCE, WindowedDecoder, windowing_error
from voicechat.tts.engines.piper.sessions import Runner, Tensor, runners

KEPT = ".parts-"
"""Begins the name of the directory beside the model; what it holds can be deleted at any time."""
_FORMAT = 5
_SEAMS = "seams.json"
CHECKED_FRAMES = (48, 400)
"""Lengths of the self-check: one in which a seam weighs much, one in which windows begin behind their margin."""
_PROBE_IDS = 48
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """Serialized parts and how they meet.

    Attributes:
        text: Phoneme ids to durations and the latent's distribution.
        sound: Front and back, or one graph for whole segments.
        seams: The tensors between.
        margin: Frames that the front looks to each side; 0 where there is no front.
    """

    text: bytes
    sound: tuple[bytes, ...]
    seams: graph.Seams
    margin: int = 0


def parts_of(path: Path) -> Parts:
    """The parts of the model at `path`; takes seconds the first time. Raises `EngineError`."""
    directory = path.with_name(KEPT + _key(path))
    kept = _read(directory)
    if kept is None:
        kept = make_parts(path)
        _keep(kept, directory)
    return kept


def forget(path: Path) -> None:
    """Delete what is kept of the model at `path`."""
    for directory in path.parent.glob(f"{KEPT}*"):
        shutil.rmtree(directory, ignore_errors=True)


def make_parts(path: Path) -> Parts:
    """Cut, find the margin that suffices, and optimize; a graph that cannot be streamed is cut for whole segments."""
    found = _streamed(graph.cut(path))
    if found is None:
        whole = graph.cut(path, whole=True)
        found = Parts(whole.text, whole.sound, replace(whole.seams, unstreamed=f"windows differ by over {TOLERANCE:g}"))
    return replace(found, text=_optimized(found.text), sound=tuple(_optimized(part) for part in found.sound))


def _streamed(made: graph.CutGraph) -> Parts | None:
    """With the smallest margin whose windows join to the whole; None when none does."""
    seams = made.seams
    if seams.coarse is None:
        return Parts(made.text, made.sound, seams)
    text, front, back = runners((made.text, *made.sound))
    probes = [probe(text, seams, frames) for frames in CHECKED_FRAMES]
    for margin in FRONT_MARGINS:
        decoder = WindowedDecoder(front, back, seams.latent, seams.coarse, margin)
        if max(windowing_error(decoder, latent, carried) for latent, carried in probes) <= TOLERANCE:
            return Parts(made.text, made.sound, seams, margin)
    return None


def probe(text: Runner, seams: graph.Seams, frames: int) -> tuple[Tensor, dict[str, Tensor]]:
    """A latent of `frames` as the voice's own text part makes it of some phonemes, and what is carried around it."""
    noise = np.random.default_rng(1)
    ids = noise.integers(3, 40, _PROBE_IDS)
    ids[::2] = 0
    feeds: dict[str, Tensor] = {
        "input": ids[None].astype(np.int64),
        "input_lengths": np.array([_PROBE_IDS], np.int64),
        "scales": np.array([0.667, 1.0, 0.8], np.float32),
        "sid": np.zeros(1, np.int64),
        graph.RHYTHM_NOISE: noise.standard_normal((1, 2, _PROBE_IDS), np.float32),
    }
    mean, spread, *carried = text.run(feeds, [seams.mean, seams.spread, *seams.carried])
    lengths = np.full(_PROBE_IDS, -(-frames // _PROBE_IDS))
    mean, deviation = (np.repeat(tensor, lengths, axis=-1)[..., :frames] for tensor in (mean, np.exp(spread)))
    latent = mean + noise.standard_normal(mean.shape, np.float32) * deviation
    return latent, dict(zip(seams.carried, carried, strict=True))


def _optimized(model: bytes) -> bytes:
    """In ONNX Runtime's own format, which loads several times faster, without what only this processor could run."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 3
    options.add_session_config_entry("session.save_model_format", "ORT")
    with TemporaryDirectory(prefix="voicechat-") as directory:
        path = Path(directory) / "part.ort"
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return path.read_bytes()


def _key(path: Path) -> str:
    """Changes with the model, with how it is cut, and with what reads the result."""
    told = f"{sha256_of(path)} {_FORMAT} {onnxruntime.__version__}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _read(directory: Path) -> Parts | None:
    try:
        told = json.loads((directory / _SEAMS).read_text("utf-8"))
        seams = graph.Seams(**told["seams"] | {"carried": tuple(told["seams"]["carried"])})
        sound = tuple((directory / name).read_bytes() for name in told["sound"])
        return Parts((directory / "text.ort").read_bytes(), sound, seams, told["margin"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(parts: Parts, directory: Path) -> None:
    """Write all of it or nothing; a model directory may be read-only, and then each load cuts anew."""
    try:
        with TemporaryDirectory(prefix=".cutting-", dir=directory.parent) as made:
            target = Path(made) / "parts"
            _write(parts, target)
            forget(directory)
            _ignoring(FileExistsError, lambda: target.rename(directory))
    except OSError as error:
        _log.info("parts not kept", path=str(directory), reason=str(error))


def _ignoring(error: type[OSError], act: Callable[[], object]) -> None:
    try:
        act()
    except error:
        return


def _write(parts: Parts, directory: Path) -> None:
    directory.mkdir()
    names = [f"sound{index}.ort" for index in range(len(parts.sound))]
    for name, part in zip(["text.ort", *names], [parts.text, *parts.sound], strict=True):
        (directory / name).write_bytes(part)
    told = {"seams": asdict(parts.seams), "sound": names, "margin": parts.margin}
    (directory / _SEAMS).write_text(json.dumps(told), "utf-8")
