"""Whether streamed audio is the graph's own: on the same noise, as float32, before gain, resampling and rounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from voicechat.audio.pcm import Pcm32f
from voicechat.bench.place import voice_file
from voicechat.bench.report import Bar, Measuring, progress, show_table
from voicechat.bench.sentences import varied_sentences
from voicechat.bench.statistics import Summary
from voicechat.bench.uncut import UncutVoice
from voicechat.settings import Settings
from voicechat.tts.engine import Prosody, SegmentPlan, Voice
from voicechat.tts.engines.piper.voice import PiperEngine

ERROR_BAR = 1e-4
_PROGRESS_EVERY = 20


@dataclass(frozen=True, slots=True)
class Compared:
    """One sentence.

    Attributes:
        words: Its length.
        parts: Pieces in which the voice gave its audio.
        audio_s: Length of the uncut graph's audio.
        relative_rms: Of the difference, over the uncut graph's.
        greatest: The largest difference of two samples.
    """

    words: int
    parts: int
    audio_s: float
    relative_rms: float
    greatest: float


def run_fidelity(settings: Settings, sentences: int) -> dict[str, Any]:
    """Compare, show the table, and return the report."""
    path = voice_file(settings)
    measuring = Measuring("tts-fidelity", {"sentences": sentences, "model": settings.tts.default_model})
    voice, uncut = PiperEngine().load(path.parent), UncutVoice(path)
    texts = varied_sentences(sentences)
    compared = []
    for index, text in enumerate(texts):
        compared.append(compare(voice, uncut, text, seed=index))
        if (index + 1) % _PROGRESS_EVERY == 0:
            progress(f"{index + 1} of {sentences} sentences")
    _show(compared)
    worst = max(one.relative_rms for one in compared)
    return measuring.report(
        [Bar("relative RMS error, worst sentence", float(f"{worst:.3g}"), at_most=ERROR_BAR)],
        relative_rms=_figures([one.relative_rms for one in compared]),
        greatest_difference=float(f"{max(one.greatest for one in compared):.3g}"),
        speech_s=round(sum(one.audio_s for one in compared), 1),
        sentences=[{"text": text, **_rounded(one)} for text, one in zip(texts, compared, strict=True)],
    )


def compare(voice: Voice, uncut: UncutVoice, text: str, seed: int) -> Compared:
    """Let both say `text` as one segment."""
    prosody = Prosody(seed=seed)
    parts = [part for part in voice.speak(text, prosody) if not isinstance(part, SegmentPlan)]
    streamed = np.concatenate([np.zeros(0, np.float32), *parts])
    whole = uncut.speak(text, prosody)
    audio_s = round(whole.size / voice.traits.sample_rate_hz, 3)
    return Compared(len(text.split()), len(parts), audio_s, *differences(streamed, whole))


def differences(made: Pcm32f, reference: Pcm32f) -> tuple[float, float]:
    """RMS of the difference over the RMS of `reference`, and the largest difference; missing samples count as 0."""
    longest = max(made.size, reference.size)
    padded = [np.pad(audio.astype(np.float64), (0, longest - audio.size)) for audio in (made, reference)]
    difference = padded[0] - padded[1]
    power = float(np.linalg.norm(padded[1])) or 1.0
    return float(np.linalg.norm(difference)) / power, float(np.max(np.abs(difference), initial=0.0))


def _figures(values: Sequence[float]) -> dict[str, Any] | None:
    summary = Summary.of(values)
    if summary is None:
        return None
    return {name: value if name == "count" else float(f"{value:.3g}") for name, value in asdict(summary).items()}


def _rounded(one: Compared) -> dict[str, Any]:
    return asdict(one) | {"relative_rms": float(f"{one.relative_rms:.3g}"), "greatest": float(f"{one.greatest:.3g}")}


def _show(compared: Sequence[Compared]) -> None:
    rows = []
    for low, high in ((1, 5), (6, 15), (16, 30), (31, 60)):
        group = [one for one in compared if low <= one.words <= high]
        if group:
            worst = max(group, key=lambda one: one.relative_rms)
            parts = f"{min(one.parts for one in group)}-{max(one.parts for one in group)}"
            rows.append((f"{low}-{high}", str(len(group)), parts, f"{worst.relative_rms:.2e}", f"{worst.greatest:.2e}"))
    show_table("Streamed against the uncut graph", ("words", "sentences", "parts", "worst rel. RMS", "its peak"), rows)
