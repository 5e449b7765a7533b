"""Turns whose end is known, with pauses that do not end them.

A person's prompts (Debian's asterisk-core-sounds-en-g722) are joined with pauses of known length, and the product's
own voice says sentences into which pauses are cut where a word ends. Under all of it lies room noise, so that a pause
is not digital silence. What was chosen at random is the same in every run.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle
from typing import TypeVar

import numpy as np

from voicechat.audio.pcm import Pcm16, rms_dbfs, to_float, to_int16
from voicechat.bench.calls.mouth import pink_noise
from voicechat.bench.prompts import PROMPTS, PromptsMissing, prompts, read_g722
from voicechat.bench.systems.port import BenchError
from voicechat.bench.systems.worker import own_worker
from voicechat.client.voiced import voiced_stretches
from voicechat.fleet.port import AudioChunk, Pace, SpeechRequest, SpokenWord, WordsTimed
from voicechat.settings import Settings

Source = TypeVar("Source")

RATE_HZ = 16_000
PAUSES_S = (0.4, 0.6, 0.9, 1.3, 2.0)
"""Thinking pauses, each as often as the others; in fluent speech hardly any is above 0.25 s."""
DICTATION_S = (0.3, 0.45, 0.6)
TRAILING_S = (0.4, 0.6)
LEAD_S, TAIL_S = 0.6, 5.0
ROOM_DBFS = -62.0
LEVEL_DBFS = -24.0
_SEED = 4
_JOIN_S = 60.0
_FADE_SAMPLES = RATE_HZ // 200
SOFT_MS = 80.0
"""Kept around the voice: consonants begin and end more softly than it."""


class Kind(StrEnum):
    """What makes the end hard, or easy, to tell."""

    WHOLE = "whole sentence"
    ONE_WORD = "one word"
    CLAUSE = "pause after a clause"
    INSIDE = "pause inside a sentence"
    BETWEEN = "pause between sentences"
    NUMBER = "number dictated slowly"
    TRAILING = "question with trailing words"


class Half(StrEnum):
    """Settings are chosen on the one and reported on the other; no sentence is in both."""

    CHOICE = "choice"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Recording:
    """One turn: int16 mono at `RATE_HZ`, which ends `end_s` into it and has silence after that."""

    kind: Kind
    half: Half
    voice: str
    pcm: Pcm16
    end_s: float
    pauses_s: tuple[float, ...] = ()


WHOLE = (
    "conf-onlyperson", "vm-whichbox", "agent-newlocation", "agent-pass", "conf-getconfno", "privacy-prompt",
    "demo-nomatch", "vm-newpassword", "vm-tocallback", "vm-savefolder", "vm-changeto", "vm-sorry",
    "entr-num-rmv-blklist",
    "conf-onlyone", "feature-not-avail-line", "vm-review-urgent", "vm-toforward", "conf-getchannel", "vm-mailboxfull",
    "vm-msgforwarded",
)  # fmt: skip
ONE_WORD = (
    "vm-no", "hello", "goodbye", "auth-thankyou", "vm-last", "vm-first", "vm-Old", "digits/2", "digits/7", "digits/20",
    "digits/day-1", "digits/day-5", "cancelled", "enabled", "vm-Friends", "vm-Work",
)  # fmt: skip
CLAUSES = (
    ("confbridge-inc-talk-vol-in", "vm-press", "digits/4"),
    ("confbridge-dec-talk-vol-in", "vm-press", "digits/7"),
    ("confbridge-rest-talk-vol-in", "vm-press", "digits/5"),
    ("confbridge-inc-list-vol-in", "vm-press", "digits/6"),
    ("confbridge-dec-list-vol-in", "vm-press", "digits/9"),
    ("confbridge-rest-list-vol-in", "vm-press", "digits/8"),
    ("confbridge-remove-last-in", "vm-press", "digits/3"),
    ("at-tone-time-exactly", "digits/4", "digits/20"),
)
BETWEEN = (
    ("vm-sorry", "agent-pass"), ("conf-onlyperson", "vm-helpexit"), ("demo-nomatch", "vm-whichbox"),
    ("feature-not-avail-line", "agent-newlocation"), ("vm-msgforwarded", "vm-toforward"),
    ("speed-dial-empty", "conf-getchannel"),
    ("dir-nomore", "vm-tocallback"), ("conf-onlyone", "privacy-prompt"),
)  # fmt: skip
INSIDE = (
    "conf-onlyone", "conf-getconfno", "privacy-prompt", "vm-newpassword", "vm-tocallback", "vm-savefolder",
    "agent-newlocation",
    "entr-num-rmv-blklist", "vm-review-urgent", "feature-not-avail-line", "demo-nomatch", "vm-mailboxfull",
)  # fmt: skip
TRAILING = (("vm-savefolder", "auth-thankyou"), ("vm-changeto", "auth-thankyou"), ("vm-savefolder", "goodbye"))
NUMBERS = 8

SAID_WITH_PAUSE = (
    (Kind.INSIDE, "I would like to book a table for | four people on Friday evening."),
    (Kind.INSIDE, "Can you remind me to call my | sister about the birthday present?"),
    (Kind.INSIDE, "The thing that I wanted to ask is | whether the shop is open on Sunday."),
    (Kind.INSIDE, "I think the answer is um | probably the second one."),
    (Kind.CLAUSE, "If it rains tomorrow, | should I take the train instead?"),
    (Kind.CLAUSE, "When I was in London last year, | I saw a lovely little museum."),
    (Kind.TRAILING, "What time does the library open on Sundays, | do you know?"),
    (Kind.TRAILING, "Could you tell me the capital of Portugal, | please?"),
    (Kind.TRAILING, "Is it going to be warm this weekend, | or not?"),
    (Kind.NUMBER, "My number is five five | seven two | nine oh one | four."),
    (Kind.NUMBER, "The code is eight | three | one | six | two."),
    (Kind.BETWEEN, "I have a question about my garden. | What can I plant in the spring?"),
    (Kind.BETWEEN, "That sounds like a good idea. | Tell me more about it."),
    (Kind.WHOLE, "What is the difference between a lake and a sea?"),
    (Kind.WHOLE, "Please tell me how long it takes to boil an egg."),
    (Kind.ONE_WORD, "Yes."),
    (Kind.ONE_WORD, "Tomorrow."),
)
"""What the product's own voice says; `|` is where a pause is cut in."""


async def make_recordings(settings: Settings) -> list[Recording]:
    """All of them. Raises `BenchError` and `ModelError` where recordings or the voice are missing."""
    try:
        prompts()
    except PromptsMissing as error:
        raise BenchError(str(error)) from error
    return [*human_recordings(), *await _synthetic(settings)]


def human_recordings() -> Iterator[Recording]:
    """A person's."""
    for half, name in _halved(WHOLE):
        yield _joined(Kind.WHOLE, half, [_prompt(name)], ())
    for half, name in _halved(ONE_WORD):
        yield _joined(Kind.ONE_WORD, half, [_prompt(name)], ())
    for pause_s in PAUSES_S:
        for half, (first, *rest) in _halved(CLAUSES):
            yield _joined(Kind.CLAUSE, half, [_prompt(first), np.concatenate([*map(_prompt, rest)])], (pause_s,))
        for half, pair in _halved(BETWEEN):
            yield _joined(Kind.BETWEEN, half, [*map(_prompt, pair)], (pause_s,))
        for half, name in _halved(INSIDE):
            yield _joined(Kind.INSIDE, half, _cut_in_two(_prompt(name)), (pause_s,))
    for pause_s in TRAILING_S:
        for half, pair in _halved(TRAILING):
            yield _joined(Kind.TRAILING, half, [*map(_prompt, pair)], (pause_s,))
    rng = random.Random(_SEED)
    for pause_s in DICTATION_S:
        for half, _ in _halved(range(NUMBERS)):
            digits = [_prompt(f"digits/{rng.randrange(10)}") for _ in range(7)]
            yield _joined(Kind.NUMBER, half, digits, tuple(pause_s for _ in digits[1:]))


def _halved(sources: Iterable[Source]) -> Iterator[tuple[Half, Source]]:
    """What is said, taking turns between the halves."""
    return zip(cycle(Half), sources, strict=False)


async def _synthetic(settings: Settings) -> list[Recording]:
    made = []
    async with own_worker(settings) as worker:
        request = SpeechRequest(model_id=worker.model_id, pace=Pace.BULK, sample_rate_hz=RATE_HZ, seed=1)
        for half, (kind, marked) in _halved(SAID_WITH_PAUSE):
            text = marked.replace("| ", "")
            words: list[SpokenWord] = []
            parts: list[Pcm16] = []
            async with worker.fleet.speak(request) as stream:
                await stream.push_text(text)
                await stream.end()
                async for event in stream:
                    if isinstance(event, WordsTimed):
                        words += event.words
                    elif isinstance(event, AudioChunk):
                        parts.append(event.pcm)
            pieces = _cut(np.concatenate(parts), words, marked)
            for pause_s in _pauses_of(kind, len(pieces) - 1):
                made.append(_joined(kind, half, pieces, (pause_s,) * (len(pieces) - 1), voice="synthetic"))
    return made


def _pauses_of(kind: Kind, count: int) -> Sequence[float]:
    if not count:
        return (0.0,)
    return {Kind.NUMBER: DICTATION_S, Kind.TRAILING: TRAILING_S}.get(kind, PAUSES_S)


def _cut(pcm: Pcm16, words: Sequence[SpokenWord], marked: str) -> list[Pcm16]:
    """The audio before, between and after the marks."""
    pieces, begin, chars = [], 0, 0
    for part in marked.split("| ")[:-1]:
        chars += len(part)
        end_ms = max(word.end_ms for word in words if word.char_end <= chars)
        end = round(end_ms * RATE_HZ / 1000)
        pieces.append(_trimmed(pcm[begin:end]))
        begin = end
    return [*pieces, _trimmed(pcm[begin:])]


def _cut_in_two(pcm: Pcm16) -> list[Pcm16]:
    """Cut between the second fifth and the fourth, where 40 ms are quietest: between words, if anywhere."""
    low, high, width = pcm.size * 2 // 5, pcm.size * 4 // 5, RATE_HZ // 25
    starts = range(low, high, width // 4)
    cut = min(starts, key=lambda start: rms_dbfs(pcm[start : start + width])) + width // 2
    return [_trimmed(pcm[:cut]), _trimmed(pcm[cut:])]


def _prompt(name: str) -> Pcm16:
    return _trimmed(read_g722(PROMPTS / f"{name}.g722"))


def _trimmed(pcm: Pcm16) -> Pcm16:
    """Nothing but the speech and the soft sounds around it, without a click where it begins and ends."""
    stretches = voiced_stretches(pcm, RATE_HZ, _JOIN_S)
    if not stretches:
        return pcm[:0]
    begin_ms = max(0.0, stretches[0].start_ms - SOFT_MS)
    cut = pcm[round(begin_ms * RATE_HZ / 1000) : round((stretches[-1].end_ms + SOFT_MS) * RATE_HZ / 1000)]
    ramp = np.linspace(0, 1, _FADE_SAMPLES, dtype=np.float32)
    out = to_float(cut)
    out[: ramp.size] *= ramp
    out[-ramp.size :] *= ramp[::-1]
    return to_int16(out)


def _softness(pcm: Pcm16) -> tuple[int, int]:
    """Samples before the voice and after it."""
    stretches = voiced_stretches(pcm, RATE_HZ, _JOIN_S)
    begin, end = (round(ms * RATE_HZ / 1000) for ms in (stretches[0].start_ms, stretches[-1].end_ms))
    return begin, max(0, pcm.size - end)


def _joined(
    kind: Kind, half: Half, pieces: Sequence[Pcm16], pauses_s: tuple[float, ...], voice: str = "human"
) -> Recording:
    """Pieces with pauses between, each from voice to voice; `pauses_s` is as long as there are gaps."""
    speech = [np.zeros(round(LEAD_S * RATE_HZ), np.int16), pieces[0]]
    for pause_s, before, piece in zip(pauses_s, pieces, pieces[1:], strict=False):
        silent = round(pause_s * RATE_HZ) - _softness(before)[1] - _softness(piece)[0]
        speech += [np.zeros(max(0, silent), np.int16), piece]
    said = np.concatenate(speech)
    gain = 10 ** ((LEVEL_DBFS - rms_dbfs(np.concatenate(pieces))) / 20)
    samples = np.concatenate((to_float(said) * np.float32(gain), np.zeros(round(TAIL_S * RATE_HZ), np.float32)))
    room = np.resize(pink_noise(ROOM_DBFS, _SEED), samples.size)
    end_s = (said.size - _softness(pieces[-1])[1]) / RATE_HZ
    return Recording(kind, half, voice, to_int16(samples + room), end_s, pauses_s[: len(pieces) - 1])
