"""The quick ears against faster-whisper's own transcription: the words of a person, and how soon they are there.

Words are compared in simulated time: the ears are fed 20 ms at a time, and each decode is done before the next 20 ms,
so that guesses are made as early as they ever are. Times are taken in real time, one system after the other on the same
utterance. Each result is a line of a file, so that a run that was ended goes on where it was.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from voicechat.asr.doubt import Hypothesis, is_loop
from voicechat.asr.port import EARS_RATE_HZ, Ears
from voicechat.audio.pcm import Pcm16
from voicechat.bench.ears_report import ears_report
from voicechat.bench.hearing import ears_of, hear, hear_in_real_time, utterance
from voicechat.bench.prompts import Prompt, prompts
from voicechat.bench.report import Measuring, progress
from voicechat.bench.sounds import coloured, sounds
from voicechat.settings import EarsAdapter, Settings

CLEAN = "clean"
LONG = "long"
SPEECH_ABOVE = 100
"""Samples above this are speech when the level of a recording is measured."""
LONG_RECORDINGS = 12
LONG_PROMPTS = 24
LONG_GAP_S = 0.25
TIMED_LEAST_S, TIMED_MOST_S = 2.0, 8.0
_PROGRESS_EVERY = 25

Row = dict[str, Any]


class EarsBenchError(Exception):
    """The bench cannot be run as asked; the text says what to do."""


@dataclass(frozen=True, slots=True)
class EarsOptions:
    """What is measured.

    Attributes:
        noises: Signal-to-noise ratios of pink noise in dB; "clean"; "long" for recordings of a minute.
        timed: Utterances heard in real time.
        seconds: After this long the run ends, to be gone on with.
        rows: Where the results are kept meanwhile.
    """

    noises: tuple[str, ...]
    timed: int
    seconds: float
    rows: Path


@dataclass(frozen=True, slots=True)
class Case:
    """One line to be measured."""

    part: str
    name: str
    said: str
    audio: Callable[[], Pcm16]

    @property
    def key(self) -> tuple[str, str]:
        """What makes it one of its kind."""
        return self.part, self.name


def run_ears(settings: Settings, options: EarsOptions) -> dict[str, Any]:
    """Go on with the run; the report once every line is there. Raises `EarsBenchError` when time is up before."""
    _check(options)
    measuring = Measuring("ears", {"noises": options.noises, "timed": options.timed, "model": settings.asr.model})
    cases = list(_cases(options, settings.conversation.endpointing_ms / 1000))
    found = {(row["part"], row["name"]): row for row in _read(options.rows)}
    left = [case for case in cases if case.key not in found]
    for row in asyncio.run(_Run(settings, options, time.monotonic() + options.seconds).measure(left)):
        found[row["part"], row["name"]] = row
    if missing := sum(case.key not in found for case in cases):
        raise EarsBenchError(f"{missing} of {len(cases)} recordings are left: run the same command again to go on")
    return ears_report(measuring, [found[case.key] for case in cases])


class _Run:
    """Ears of both kinds, loaded when first needed."""

    def __init__(self, settings: Settings, options: EarsOptions, deadline: float) -> None:
        self._settings = settings
        self._options = options
        self._deadline = deadline
        self._endpoint_s = settings.conversation.endpointing_ms / 1000

    @cached_property
    def _simulated(self) -> dict[str, Ears]:
        return {name: ears_of(self._settings, adapter, simulated=True) for name, adapter in SYSTEMS.items()}

    @cached_property
    def _real(self) -> dict[str, Ears]:
        return {name: ears_of(self._settings, adapter) for name, adapter in SYSTEMS.items()}

    async def measure(self, cases: Sequence[Case]) -> list[Row]:
        """Until all are done or time is up."""
        rows: list[Row] = []
        with self._options.rows.open("a", encoding="utf-8") as file:
            for index, case in enumerate(cases, start=1):
                if time.monotonic() > self._deadline:
                    break
                rows.append(await self._row(case, index))
                file.write(json.dumps(rows[-1]) + "\n")
                file.flush()
                if index % _PROGRESS_EVERY == 0:
                    progress(f"{index} of {len(cases)} recordings, {case.part}")
        return rows

    async def _row(self, case: Case, index: int) -> Row:
        row: Row = {"part": case.part, "name": case.name, "said": case.said}
        # What comes first alternates, so that neither profits from a warm cache.
        for system in sorted(SYSTEMS, reverse=bool(index % 2)):
            row[system] = await (self._timed if case.part == "time" else self._words)(system, case)
        return row

    async def _words(self, system: str, case: Case) -> Row:
        text = await hear(self._simulated[system], case.audio())
        return {"text": text, "loop": is_loop(Hypothesis(text, 0.0, 0.0))}

    async def _timed(self, system: str, case: Case) -> Row:
        pcm, ends_s = utterance(case.audio(), self._endpoint_s)
        return asdict(await hear_in_real_time(self._real[system], pcm, ends_s))


SYSTEMS = {"quick": EarsAdapter.WHISPER, "full": EarsAdapter.WHISPER_FULL}


def _cases(options: EarsOptions, endpoint_s: float) -> Iterator[Case]:
    said = prompts()
    for noise in options.noises:
        if noise == LONG:
            yield from _long_cases(said)
        else:
            for index, prompt in enumerate(said):
                yield Case(noise, prompt.name, prompt.words, partial(_heard, prompt, noise, index, endpoint_s))
    for name, pcm in sounds():
        yield Case("nothing", name, "", partial(np.copy, pcm))
    fitting = [prompt for prompt in said if TIMED_LEAST_S <= prompt.seconds <= TIMED_MOST_S]
    for index in np.linspace(0, len(fitting) - 1, min(options.timed, len(fitting))).astype(int):
        yield Case("time", fitting[index].name, fitting[index].words, fitting[index].audio)


def _heard(prompt: Prompt, noise: str, seed: int, endpoint_s: float) -> Pcm16:
    pcm, _ = utterance(prompt.audio(), endpoint_s)
    return pcm if noise == CLEAN else noisy(pcm, float(noise), seed)


def _long_cases(said: Sequence[Prompt]) -> Iterator[Case]:
    """Prompts in a row without a break that would end a turn."""
    for start in range(LONG_RECORDINGS):
        group = said[start :: len(said) // LONG_PROMPTS][:LONG_PROMPTS]
        yield Case(LONG, f"from {group[0].name}", " ".join(one.words for one in group), partial(_in_a_row, group))


def _in_a_row(group: Sequence[Prompt]) -> Pcm16:
    gap = np.zeros(round(LONG_GAP_S * EARS_RATE_HZ), np.int16)
    return np.concatenate([part for prompt in group for part in (gap, prompt.audio())] + [gap])


def noisy(pcm: Pcm16, snr_db: float, seed: int) -> Pcm16:
    """With pink noise `snr_db` below the level of the speech alone."""
    spoken = pcm[np.abs(pcm.astype(np.int32)) > SPEECH_ABOVE].astype(np.float64)
    level = float(np.sqrt(np.mean(np.square(spoken)))) if spoken.size else 1.0
    noise = coloured(np.random.default_rng(seed), pcm.size / EARS_RATE_HZ, 0.5) * level / 10 ** (snr_db / 20)
    return np.clip(np.rint(pcm + noise), -32768, 32767).astype(np.int16)


def _check(options: EarsOptions) -> None:
    for noise in options.noises:
        try:
            noise in (CLEAN, LONG) or float(noise)
        except ValueError:
            raise EarsBenchError(
                f"--noise {noise!r} is not allowed; use clean, long, or a ratio in dB such as 10"
            ) from None


def _read(rows: Path) -> list[Row]:
    if not rows.exists():
        return []
    return [json.loads(line) for line in rows.read_text("utf-8").splitlines() if line.endswith("}")]
