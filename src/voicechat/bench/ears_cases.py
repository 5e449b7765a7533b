"""What the ears are measured on: a person's recordings, clean, by telephone, in noise and in a row, and mere sounds."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from voicechat.asr.port import EARS_RATE_HZ
from voicechat.audio.pcm import Pcm16
from voicechat.audio.resample import resample
from voicechat.audio.wav import read_audio
from voicechat.bench.hearing import utterance
from voicechat.bench.prompts import Prompt, prompts
from voicechat.bench.sounds import coloured, sounds

CLEAN, TELEPHONE, LONG = "clean", "telephone", "long"
NOTHING = "nothing"
TIME = "time"
SPEECH_ABOVE = 100
"""Samples above this are speech when the level of a recording is measured."""
LONG_RECORDINGS = 12
LONG_PROMPTS = 24
LONG_GAP_S = 0.25
TIMED_LEAST_S, TIMED_MOST_S = 2.0, 8.0


@dataclass(frozen=True, slots=True)
class Case:
    """A recording to be recognised. `audio` makes it; it can be sent to another process."""

    part: str
    name: str
    said: str
    audio: Callable[[], Pcm16]


class UnknownPart(Exception):
    """A part was asked for that there is not; the text says which there are."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which recordings.

    Attributes:
        parts: "clean" for G.722 at 16 kHz, "telephone" for 8 kHz, "long" for recordings of a minute, "nothing" for
            sounds without speech; a number: clean with pink noise at this ratio in dB.
        sample: So many prompts, drawn at random for all parts; None: all.
        seed: Of the draw.
        timed: Utterances of 2 to 8 s that are heard in real time.
        endpoint_s: Silence after the end of speech before the final words are asked for.
    """

    parts: tuple[str, ...]
    sample: int | None
    seed: int
    timed: int
    endpoint_s: float


def word_cases(chosen: Selection) -> Iterator[Case]:
    """Recordings whose words are compared. Raises `PromptsMissing`, `UnknownPart`."""
    drawn = draw(prompts(), chosen)
    for part in chosen.parts:
        if part == NOTHING:
            yield from (Case(part, name, "", partial(np.copy, pcm)) for name, pcm in sounds())
        elif part == LONG:
            yield from _long_cases(drawn)
        else:
            heard = _manner(part)
            yield from (
                Case(part, one.name, one.words, partial(heard, one, endpoint_s=chosen.endpoint_s)) for one in drawn
            )


def timed_cases(chosen: Selection) -> list[Case]:
    """Utterances whose times are taken, evenly from the alphabet; the endpoint is not yet part of their audio."""
    fitting = [one for one in prompts() if TIMED_LEAST_S <= one.seconds <= TIMED_MOST_S]
    places = np.linspace(0, len(fitting) - 1, min(chosen.timed, len(fitting))).astype(int)
    return [Case(TIME, fitting[place].name, fitting[place].words, fitting[place].audio) for place in places]


def draw(found: Sequence[Prompt], chosen: Selection) -> list[Prompt]:
    """The sample, in the order it was drawn: a larger one of the same seed begins with it."""
    if chosen.sample is None:
        return list(found)
    return random.Random(chosen.seed).sample(found, len(found))[: chosen.sample]


def noisy(pcm: Pcm16, snr_db: float, seed: int) -> Pcm16:
    """With pink noise `snr_db` below the level of the speech alone."""
    spoken = pcm[np.abs(pcm.astype(np.int32)) > SPEECH_ABOVE].astype(np.float64)
    level = float(np.sqrt(np.mean(np.square(spoken)))) if spoken.size else 1.0
    noise = coloured(np.random.default_rng(seed), pcm.size / EARS_RATE_HZ, 0.5) * level / 10 ** (snr_db / 20)
    return np.clip(np.rint(pcm + noise), -32768, 32767).astype(np.int16)


def _manner(part: str) -> Callable[..., Pcm16]:
    """How a prompt is heard in this part."""
    if part == CLEAN:
        return _clean
    if part == TELEPHONE:
        return _by_telephone
    try:
        return partial(_in_noise, snr_db=float(part))
    except ValueError:
        raise UnknownPart(
            f"{part!r} is no part of the ears bench; use clean, telephone, long, nothing, or a ratio in dB such as 10"
        ) from None


def _clean(prompt: Prompt, *, endpoint_s: float) -> Pcm16:
    return utterance(prompt.audio(), endpoint_s)[0]


def _by_telephone(prompt: Prompt, *, endpoint_s: float) -> Pcm16:
    return utterance(resample(*read_audio(prompt.path.with_suffix(".wav")), EARS_RATE_HZ), endpoint_s)[0]


def _in_noise(prompt: Prompt, *, endpoint_s: float, snr_db: float) -> Pcm16:
    return noisy(_clean(prompt, endpoint_s=endpoint_s), snr_db, seed=zlib.crc32(prompt.name.encode()))


def _long_cases(drawn: Sequence[Prompt]) -> Iterator[Case]:
    """Prompts in a row without a break that would end a turn."""
    step = max(1, len(drawn) // LONG_PROMPTS)
    for start in range(min(LONG_RECORDINGS, step)):
        group = drawn[start::step][:LONG_PROMPTS]
        yield Case(LONG, f"from {group[0].name}", " ".join(one.words for one in group), partial(_in_a_row, group))


def _in_a_row(group: Sequence[Prompt]) -> Pcm16:
    gap = np.zeros(round(LONG_GAP_S * EARS_RATE_HZ), np.int16)
    return np.concatenate([part for prompt in group for part in (gap, prompt.audio())] + [gap])
