"""Whether words are told when they are heard: each word behind a pause, against the onset of its sound."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from voicechat.audio.pcm import Pcm16, to_float
from voicechat.bench.report import Bar, Measuring, show_table
from voicechat.bench.sentences import varied_sentences
from voicechat.bench.statistics import Summary, summary_json
from voicechat.bench.systems.worker import WorkerSystem, own_worker, send
from voicechat.fleet.port import AudioChunk, Pace, SpokenWord, Started, WordsTimed
from voicechat.settings import Settings

ERROR_BAR_MS = 40.0
PAUSES = (",", ";", ".")
"""The marks that are put between words, in turn."""

_FRAME_MS = 5.0
_QUIET_DB = -40.0
"""Below the reply's loud parts: silence."""
_PAUSE_MS = 50.0
"""The shortest silence that is taken for the pause, longer than the closure of a plosive."""
_SEARCH_MS = 300.0
"""To each side of the word's time."""
_SHORTEST_WORDS = 8


@dataclass(frozen=True, slots=True)
class PausedText:
    """A sentence with a mark put in, and where the word behind it begins."""

    text: str
    mark: str
    char: int


@dataclass(frozen=True, slots=True)
class Onset:
    """One word behind a pause. Times in ms on the reply's clock; `heard_ms` is None where no pause is to be found."""

    word: str
    mark: str
    told_ms: float
    heard_ms: float | None

    @property
    def error_ms(self) -> float | None:
        """How much later than its sound the word was told to be."""
        return None if self.heard_ms is None else self.told_ms - self.heard_ms


def paused_texts(count: int, seed: int = 1) -> list[PausedText]:
    """`count` sentences of 8 words or more, each with one mark between two words that had none."""
    rng = random.Random(seed)
    long_enough = [text for text in varied_sentences(3 * count, seed) if len(text.split()) >= _SHORTEST_WORDS]
    return [_paused(text, PAUSES[index % len(PAUSES)], rng) for index, text in enumerate(long_enough[:count])]


def _paused(text: str, mark: str, rng: random.Random) -> PausedText:
    words = text.split()
    places = [at for at in range(3, len(words) - 3) if words[at - 1].isalpha()]
    at = rng.choice(places)
    before = " ".join(words[:at]) + mark + " "
    following = words[at].capitalize() if mark == "." else words[at]
    return PausedText(before + " ".join([following, *words[at + 1 :]]), mark, len(before))


def sound_onset_ms(pcm: Pcm16, rate_hz: int, near_ms: float) -> float | None:
    """Where sound begins again after the longest silence around `near_ms`; None where there is no pause."""
    levels = _levels_db(pcm, rate_hz)
    quiet = levels < np.percentile(levels, 95) + _QUIET_DB
    low, high = (max(0, round((near_ms + side) / _FRAME_MS)) for side in (-_SEARCH_MS, _SEARCH_MS))
    runs = _runs(quiet[low:high])
    if not runs:
        return None
    start, end = max(runs, key=lambda run: run[1] - run[0])
    return (low + end) * _FRAME_MS if (end - start) * _FRAME_MS >= _PAUSE_MS else None


def _levels_db(pcm: Pcm16, rate_hz: int) -> npt.NDArray[np.float64]:
    """RMS of each frame, dBFS."""
    size = round(rate_hz * _FRAME_MS / 1000)
    frames = to_float(pcm)[: pcm.size // size * size].reshape(-1, size).astype(np.float64)
    levels: npt.NDArray[np.float64] = 10 * np.log10(np.mean(np.square(frames), axis=1) + 1e-12)
    return levels


def _runs(quiet: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Stretches of True, as [start, end); one that reaches the end of the search has no onset."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], quiet.astype(np.int8)))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=False))


def run_word_times(settings: Settings, pauses: int) -> dict[str, Any]:
    """Measure, show the table, and return the report."""
    return asyncio.run(_run_word_times(settings, pauses))


async def _run_word_times(settings: Settings, pauses: int) -> dict[str, Any]:
    texts = paused_texts(pauses)
    async with own_worker(settings) as worker:
        measuring = Measuring("tts-words", {"pauses": len(texts), "model": worker.model_id})
        onsets = [await measure(worker.at_pace(Pace.BULK), text) for text in texts]
    _show(onsets)
    summary = Summary.of(_errors(onsets))
    return measuring.report(
        [Bar("word behind a pause against its sound, median ms", _median(onsets), at_most=ERROR_BAR_MS)],
        error_ms=None if summary is None else summary.as_json(),
        signed_error_ms=summary_json([one.error_ms for one in onsets if one.error_ms is not None]),
        without_a_pause=sum(one.heard_ms is None for one in onsets),
        onsets=[asdict(one) for one in onsets],
    )


async def measure(worker: WorkerSystem, paused: PausedText) -> Onset:
    """Let the worker speak, and look for the word behind the mark."""
    rate_hz, pcm, words = 0, [], list[SpokenWord]()
    async with worker.fleet.speak(worker.request()) as stream:
        await send(stream, paused.text)
        async for event in stream:
            match event:
                case Started():
                    rate_hz = event.sample_rate_hz
                case WordsTimed():
                    words += event.words
                case AudioChunk():
                    pcm.append(event.pcm)
    word = next(word for word in words if word.char_start == paused.char)
    heard_ms = sound_onset_ms(np.concatenate(pcm), rate_hz, word.start_ms)
    return Onset(word.text, paused.mark, round(word.start_ms, 1), heard_ms)


def _errors(onsets: Sequence[Onset]) -> list[float]:
    return [abs(one.error_ms) for one in onsets if one.error_ms is not None]


def _median(onsets: Sequence[Onset]) -> float | None:
    summary = Summary.of(_errors(onsets))
    return None if summary is None else round(summary.p50, 1)


def _show(onsets: Sequence[Onset]) -> None:
    rows = []
    for mark in PAUSES:
        group = [one for one in onsets if one.mark == mark]
        if (summary := Summary.of(_errors(group))) is not None:
            found = f"{summary.count}/{len(group)}"
            rows.append((mark, found, f"{summary.p50:.0f}", f"{summary.p95:.0f}", f"{summary.maximum:.0f}"))
    show_table("Words against their sound, ms apart", ("mark", "pauses found", "p50", "p95", "most"), rows)
